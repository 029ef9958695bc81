"""The longest names that settings take: whatever is made of them keeps to Kubernetes' limits, and so do the runs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from components.conventions import prefix
from components.settings.errors import SettingsError
from operate.target import Target
from tests.admission import refusals
from tests.sink import deliver
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_routing import payload

ENVIRONMENTS = ("s" * 40, "p" * 40)
# Of these the first nine characters are the same, and 52 of the others.
APPLICATIONS = tuple("a" * 52 + last for last in "xyz")
REPOSITORY = "acme/chespirito"
# What is a label's value, or a host's name, somewhere; the others may have 253 characters.
LABELS = (
    "Namespace",
    "Pipeline",
    "Task",
    "Trigger",
    "TriggerBinding",
    "TriggerTemplate",
    "Service",
    "EventListener",
    "CronJob",
)


def largest() -> Declared:
    """Two environments and 40 applications of such names."""
    both = shipped_config("both")
    for environment, name in zip(both["environments"], ENVIRONMENTS, strict=True):
        environment["name"] = name
    both["environments"][1]["promotesFrom"] = ENVIRONMENTS[0]
    both["applications"] = [{"name": f"{'a' * 51}{number}", "repository": REPOSITORY} for number in range(10, 50)]
    return record_config(both)


_PARTS = re.compile(r"(containers|initContainers|volumes|steps|sidecars|tasks|workspaces)\[\]$")


@pytest.fixture(scope="module")
def stack() -> Declared:
    return longest()


def longest() -> Declared:
    """Two environments in one stack, with applications of one repository, all that may have services, secrets and users."""
    staging, production = shipped_config("staging"), shipped_config("production")
    user = {"username": "a", "password": {"file": "secrets/a"}}
    own: dict[str, Any] = {
        "buildSecrets": {"token": {"file": "secrets/token"}},
        "services": {"d" * 20: {"image": {"file": ".local/images/base"}}},
        "tests": {"command": "true", "image": {"file": ".local/images/base"}},
    }
    workload = {
        "secrets": {"env": {"A": {"file": "secrets/a"}}, "files": {"b": {"file": "secrets/b"}}},
        "autoscaling": {"min": 2, "max": 3},
    }
    here: dict[str, Any] = {
        "nodePorts": {APPLICATIONS[0]: 30080},
        "applications": {APPLICATIONS[0]: workload | {"host": "a.example"}, APPLICATIONS[1]: workload},
        "exposure": {"ingress": {"className": "nginx", "clusterIssuer": "letsencrypt"}},
        "staleBase": "rebuild",
    }
    return record_config(
        staging
        | {
            "environments": [
                staging["environments"][0] | here | {"name": ENVIRONMENTS[0]},
                production["environments"][0]
                | {"name": ENVIRONMENTS[1], "promotesFrom": ENVIRONMENTS[0], "nodePorts": {}, "staleBase": "rebuild"}
                | {"approval": {"users": ["ana"]}},
            ],
            "mark": staging["mark"] | production["mark"],
            "applications": [
                {"name": APPLICATIONS[0], "repository": REPOSITORY, "quarantine": user} | own,
                {"name": APPLICATIONS[1], "repository": REPOSITORY} | own,
                {"name": APPLICATIONS[2], "repository": "acme/other"},
            ],
        }
    )


def wrong(objects: list[Object]) -> Iterator[str]:
    """What of names and labels Kubernetes refuses, or Tekton makes a label of that it refuses."""
    for item in objects:
        kind, metadata = item["kind"], item["metadata"]
        if len(metadata["name"]) > (52 if kind == "CronJob" else 63 if kind in LABELS else 253):
            yield f"{kind} {metadata['name']}"
    for where, key, value in _values(objects, ""):
        if where.endswith((".labels", ".matchLabels")) and not re.fullmatch(
            "([A-Za-z0-9][A-Za-z0-9_.-]{0,61})?[A-Za-z0-9]", value
        ):
            if "$(tt.params." not in value:
                yield f"{where}.{key} = {value}"
        elif key == "name" and len(value) > 63 and _PARTS.search(where):
            yield f"{where}.{key} = {value}"


def _values(value: Any, where: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                yield where, key, item
            yield from _values(item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, f"{where}[]")


def test_what_is_declared_keeps_to_the_limits(stack: Declared) -> None:
    assert list(wrong(stack.objects)) == []
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in stack.objects]
    assert len(names) == len(set(names))


def test_a_name_that_is_too_long_would_be_noticed(stack: Declared) -> None:
    pipeline = json.loads(json.dumps(stack.all("Pipeline")[0]))
    pipeline["metadata"]["name"] = "a" * 64
    pipeline["metadata"]["labels"]["app"] = "a" * 64
    pipeline["spec"]["tasks"][0]["name"] = "a" * 64
    assert len(list(wrong([pipeline]))) == 3


def body(name: str) -> Object:
    changed = payload("gitea", name)
    changed["number"] = 9_999_999
    return changed


@pytest.mark.parametrize(("name", "environment"), [("opened", 0), ("closed_merged", 1)])
def test_each_run_fits_a_label_has_its_pipeline_and_is_admitted(stack: Declared, name: str, environment: int) -> None:
    where = ENVIRONMENTS[environment]
    policy, user = f"tekton-delivery-{where}-runs", f"system:serviceaccount:{ENVIRONMENTS[0]}-ci:listener"
    started = [run for run in deliver(stack, body(name)) if run["metadata"]["namespace"] == f"{where}-ci"]
    assert {run["metadata"]["labels"]["app.kubernetes.io/name"] for run in started} == set(APPLICATIONS[:2])
    for run in started:
        begins = prefix(run["metadata"]["labels"]["app.kubernetes.io/name"], where)
        assert run["metadata"]["name"].startswith(f"{begins}-9999999-")
        assert len(run["metadata"]["name"]) <= 63
        assert stack.one("Pipeline", run["spec"]["pipelineRef"]["name"], f"{where}-ci")
        assert run["spec"]["pipelineRef"]["name"].startswith(f"{begins}-")
        assert refusals(stack, policy, run, user=user) == []
        run["metadata"]["name"] = run["metadata"]["name"].replace(begins, prefix(APPLICATIONS[2], where))
        assert len(refusals(stack, policy, run, user=user)) == 1, "a control: the name of another application's run"


def test_names_that_were_short_enough_stay_as_they_were() -> None:
    assert prefix("a" * 20, "b" * 10) == f"{'a' * 20}-{'b' * 10}"
    assert prefix("shop", "staging") == "shop-staging"


def test_what_is_shortened_tells_applications_apart_early() -> None:
    """Of a run's name a pod may have the first 20 characters."""
    made = {prefix(application, environment) for application in APPLICATIONS for environment in ENVIRONMENTS}
    assert len({each[:18] for each in made}) == 6
    assert all(len(each) <= 30 for each in made)
    assert all(re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", each) for each in made)


def test_people_and_the_listener_call_runs_the_same() -> None:
    target = Target(None, ENVIRONMENTS[0], APPLICATIONS[0], "")  # type: ignore[arg-type]
    assert target.prefix == prefix(APPLICATIONS[0], ENVIRONMENTS[0])


def test_a_name_that_another_one_is_shortened_to_is_refused() -> None:
    staging = shipped_config("staging")
    environment = staging["environments"][0] | {"nodePorts": {}}
    taken = prefix(APPLICATIONS[0], "staging").removesuffix("-staging")
    named = [{"name": name, "repository": "acme/a"} for name in (APPLICATIONS[0], taken)]
    with pytest.raises(SettingsError, match=r"has runs called aaaaaaaaa-[0-9a-f]{8}-staging-…, as a+x in staging has"):
        record_config(staging | {"environments": [environment], "applications": named})


def test_one_character_more_is_refused() -> None:
    for key, name in (("applications", APPLICATIONS[0]), ("environments", ENVIRONMENTS[0])):
        staging = shipped_config("staging")
        staging[key][0] |= {"name": name + "a"}
        staging["environments"][0]["nodePorts"] = {}
        with pytest.raises(SettingsError, match=rf"{key}\[0\]\.name = .*at most {len(name)} characters"):
            record_config(staging)
