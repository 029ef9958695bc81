"""A push to the base branch starts the run that tells open pull requests, whoever pushed; no other push starts anything."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from components import sources
from tests.closure import run_problems
from tests.sink import HEADERS, PUSH, deliver
from tests.support import Declared, Object, both_environments
from tests.test_routing import drop, payload, push, put

FORGES = ["github", "gitea"]


@cache
def listening(forge: str) -> Declared:
    return both_environments(forge)


def runs(forge: str, body: Object) -> list[Object]:
    return deliver(listening(forge), body, header=PUSH)


@pytest.mark.parametrize(
    ("forge", "name"),
    [*(("github", name) for name in ("pushed", "created", "forced")), *(("gitea", name) for name in ("pushed", "merged"))],
)
def test_a_moved_base_branch_is_told_to_those_who_wait(forge: str, name: str) -> None:
    body = push(forge, name)
    (run,) = runs(forge, body)
    assert run["metadata"]["namespace"] == "staging-ci"
    assert run["spec"]["pipelineRef"]["name"] == "chespirito-staging-base-moved-pipeline"
    assert {param["name"]: param["value"] for param in run["spec"]["params"]} == {
        "before": body["before"],
        "after": body["after"],
    }
    assert list(run_problems(listening(forge), run)) == []


@pytest.mark.parametrize(
    ("forge", "name"),
    [*(("github", name) for name in ("tag", "deleted")), *(("gitea", name) for name in ("branch", "tag"))],
)
def test_other_pushes_start_nothing(forge: str, name: str) -> None:
    assert runs(forge, push(forge, name)) == []


CHANGES: dict[str, Callable[[Object], None]] = {
    "another repository": put("repository", "full_name", value="acme/other"),
    "another branch": put("ref", value="refs/heads/release"),
    "a branch's short name": put("ref", value="main"),
    "a tag of that name": put("ref", value="refs/tags/main"),
    "no branch": drop("ref"),
    "a deleted branch": put("after", value="0" * 40),
    "a short sha": put("after", value="0123456"),
    "a substitution for a sha": put("before", value="$(params.before)"),
    "a sha and another line": put("after", value="a" * 40 + "\nx"),
    "no sha": drop("before"),
    "a list": put("after", value=["a" * 40]),
    "no repository": drop("repository"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("forge", FORGES)
def test_nothing_else_is_a_push_to_the_base_branch(forge: str, change: Callable[[Object], None]) -> None:
    body = push(forge, "pushed")
    assert len(runs(forge, body)) == 1
    change(body)
    assert runs(forge, body) == []


def test_the_header_that_nobody_signs_turns_no_event_into_another() -> None:
    stack = listening("gitea")
    assert deliver(stack, push("gitea", "pushed"), header=HEADERS) == []
    for name in ("opened", "closed_merged"):
        assert deliver(stack, payload("gitea", name), header=PUSH) == []


def test_a_request_that_names_another_api_host_starts_nothing() -> None:
    header = PUSH | {"X-Github-Enterprise-Host": ["evil.example"]}
    assert deliver(listening("github"), push("github", "pushed"), header=header) == []


@pytest.mark.parametrize("forge", FORGES)
def test_a_redelivery_asks_for_the_same_run_and_the_same_push_later_for_another(forge: str) -> None:
    """A branch that was taken back may be pushed again."""
    body = push(forge, "pushed")
    later: Any = copy.deepcopy(body)
    later["repository"] |= {"pushed_at": 1800000000} if forge == "github" else {"updated_at": "2030-01-01T00:00:00Z"}
    names = [runs(forge, each)[0]["metadata"]["name"] for each in (body, copy.deepcopy(body), later)]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith(f"chespirito-staging-push-{body['after'][:8]}-")


@pytest.mark.parametrize("forge", FORGES)
def test_its_name_is_no_longer_than_a_pull_requests(forge: str) -> None:
    """The settings keep names short by those: Tekton labels every TaskRun and Pod with the run's name."""
    (run,) = runs(forge, push(forge, "pushed"))
    assert len(run["metadata"]["name"].removeprefix("chespirito-staging-")) <= len("9999999-01234567-20261122172001")


@pytest.mark.parametrize("forge", FORGES)
def test_no_free_text_of_a_push_reaches_a_run(forge: str) -> None:
    body: Any = push(forge, "pushed")
    body["head_commit"] = {"message": "canary", "author": {"name": "canary"}}
    body["commits"] = [{"message": "canary", "added": ["canary"]}]
    body["pusher"] = {"name": "canary", "login": "canary"}
    assert "canary" not in json.dumps(runs(forge, body))


def test_the_run_holds_the_reporters_rights_and_no_code_of_anybody() -> None:
    stack = listening("github")
    (run,) = runs("github", push("github", "pushed"))
    assert run["spec"]["taskRunTemplate"] == {"serviceAccountName": "reporter"}
    spec = stack.one("Task", "base-moved")["spec"]
    assert [volume for volume in spec["volumes"] if "emptyDir" not in volume] == [
        {"name": "forge-token", "secret": {"secretName": "forge-token"}},
        sources.volume(),
    ]
    (step,) = spec["steps"]
    assert [item["name"] for item in step["volumeMounts"]] == ["forge-token", "steps", "scratch-moved"]
    assert [item["name"] for item in step["workspaces"]] == [item["name"] for item in spec["workspaces"]]
