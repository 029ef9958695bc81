"""An application's smoke check: what the rollout asks of it, and that it may."""

import pytest

from tests.support import Declared, Object, record_config, shipped_config

CHECK = {"path": "/api/version", "status": 203, "contains": "version", "timeout": "2m"}


def checked(stack: str) -> Declared:
    config = shipped_config(stack)
    return record_config(config | {"applications": [config["applications"][0] | {"smokeCheck": CHECK, "port": 9000}]})


def values(stack: Declared, name: str, task: str) -> dict[str, str]:
    tasks = {item["name"]: item for item in stack.one("Pipeline", name)["spec"]["tasks"]}
    return {param["name"]: param["value"] for param in tasks[task]["params"]}


@pytest.mark.parametrize(("name", "task"), [("staging", "stage"), ("production", "promote")])
def test_the_rollout_asks_the_service(name: str, task: str) -> None:
    given = values(checked(name), f"chespirito-{name}-pipeline", task)
    asked = {key.removeprefix("smoke-"): value for key, value in given.items() if key.startswith("smoke-")}
    assert asked == {
        "url": f"http://chespirito.{name}.svc:80/api/version",
        "status": "203",
        "contains": "version",
        "seconds": "120",
    }
    service: Object = checked(name).one("Service", "chespirito")
    assert service["metadata"]["namespace"] == name


@pytest.mark.parametrize(("name", "task"), [("staging", "stage"), ("production", "promote")])
def test_the_pods_that_roll_out_may_reach_it_and_no_other_pod(name: str, task: str) -> None:
    spec = checked(name).one("NetworkPolicy", "rollouts-to-chespirito", f"{name}-ci")["spec"]
    (who,) = spec["podSelector"]["matchExpressions"]
    assert who["values"] == [task]
    (opening,) = spec["egress"]
    assert opening["ports"] == [{"protocol": "TCP", "port": 9000}]
    (pods,) = opening["to"]
    assert pods["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": name}
    assert pods["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "chespirito"}


@pytest.mark.parametrize(("name", "task"), [("staging", "stage"), ("production", "promote")])
def test_without_one_nothing_is_asked_and_nothing_opened(stacks: dict[str, Declared], name: str, task: str) -> None:
    assert values(stacks[name], f"chespirito-{name}-pipeline", task)["smoke-url"] == ""
    assert not [policy for policy in stacks[name].names("NetworkPolicy") if policy.startswith("rollouts-to-")]
