"""Names of repositories are the same in capitals and in small letters, as they are for GitHub and Gitea."""

import copy
import json

import pytest

from components.settings.errors import SettingsError
from offline.run import stack_config
from tests.sink import deliver
from tests.support import Declared, Object, record_config, shipped_config, stack_config_text
from tests.test_pinned_repository import EVENTS
from tests.test_routing import REPOSITORY, payload
from tests.test_settings import VALID, load

CAPITALS = "ACME/Chespirito"


def stack(name: str, repository: str, *more: str, **changed: object) -> Declared:
    """A shipped stack whose application is in a repository; so are others, each for a part of it."""
    shipped = shipped_config(name)
    (application,) = shipped["applications"]
    apart = {"dockerfile": "a/Dockerfile", "paths": ["a"]} if more else {}
    others = [{"name": f"other-{at}", "repository": each} | apart for at, each in enumerate(more)]
    return record_config(shipped | {"applications": [application | {"repository": repository} | changed | apart, *others]})


def renamed(body: Object, name: str) -> Object:
    made: Object = json.loads(json.dumps(body).replace(f'"{REPOSITORY}"', json.dumps(name)))
    assert made["repository"]["full_name"] == name
    return made


@pytest.mark.parametrize("event", EVENTS)
def test_a_repository_starts_what_is_its_however_it_is_written(event: str) -> None:
    name, made, header = EVENTS[event]
    body = made()
    expected = deliver(stack(name, REPOSITORY), body, header=header)
    assert len(expected) == 1
    for settings, forge in ((CAPITALS, REPOSITORY), (REPOSITORY, CAPITALS), ("Acme/chespirito", "acme/Chespirito")):
        assert deliver(stack(name, settings), renamed(body, forge), header=header) == expected, (settings, forge)
    for other in ("acme/chespirit", "acme/chespirito2", "other/chespirito", "acme/che\u017fpirito", "\u212acme/chespirito"):
        assert deliver(stack(name, CAPITALS), renamed(body, other), header=header) == [], other


def test_a_head_of_another_repository_stays_a_forks() -> None:
    body = renamed(payload("gitea", "opened"), CAPITALS)
    assert len(deliver(stack("staging", REPOSITORY), body)) == 1
    for path in ("base", "head"):
        changed = copy.deepcopy(body)
        changed["pull_request"][path]["repo"]["full_name"] = "mallory/Chespirito"
        assert deliver(stack("staging", REPOSITORY), changed) == []


def test_its_number_is_asked_for_however_it_is_written() -> None:
    body = renamed(payload("gitea", "opened"), CAPITALS)
    assert len(deliver(stack("staging", "Acme/chespirito", repositoryId=1), body)) == 1
    assert deliver(stack("staging", "Acme/chespirito", repositoryId=2), body) == []


def test_two_spellings_are_one_repository() -> None:
    """Each of its applications is delivered, with statuses of its own."""
    made = stack("staging", CAPITALS, REPOSITORY)
    started = deliver(made, payload("gitea", "opened"))
    assert [run["spec"]["pipelineRef"]["name"] for run in started] == [
        "chespirito-staging-pipeline",
        "other-0-staging-pipeline",
    ]
    for name in ("chespirito", "other-0"):
        (report,) = made.one("Pipeline", f"{name}-staging-pipeline")["spec"]["finally"]
        assert {"name": "context-suffix", "value": f"/{name}"} in report["params"]


def test_two_spellings_have_one_base_branch() -> None:
    inside = {"dockerfile": "a/Dockerfile", "paths": ["a"]}
    named = [
        {"name": "a", "repository": "acme/shop"} | inside,
        {"name": "b", "repository": "Acme/Shop", "baseBranch": "release"} | inside,
    ]
    with pytest.raises(SettingsError, match=r"applications\[1\].baseBranch = \"release\": is \"main\" for a"):
        load(stack_config(VALID) | stack_config_text({"applications": named}))
