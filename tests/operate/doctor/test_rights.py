"""What whoever runs Pulumi may do: asked for all that the stack declares."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from offline.needs.values import Needs
from operate.doctor import rights
from operate.doctor.api import Api, group_path
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import FakeCluster

On = Callable[[FakeCluster], AbstractContextManager[Api]]
Attributes = dict[str, str]


def plural(kind: str) -> str:
    return {"NetworkPolicy": "networkpolicies", "ValidatingAdmissionPolicy": "validatingadmissionpolicies"}.get(
        kind, f"{kind.lower()}s"
    )


def serving(needs: Needs) -> FakeCluster:
    """A cluster that knows all kinds of a stack."""
    made: dict[str, Any] = {}
    for each in needs.objects:
        served = made.setdefault(group_path(each["apiVersion"]), {"resources": []})["resources"]
        served += [
            {"kind": each["kind"], "name": plural(each["kind"])},
            {"kind": each["kind"], "name": f"{plural(each['kind'])}/status"},
        ]
    return FakeCluster(made)


def rows(on: On, needs: Needs, denied: Callable[[Attributes], bool] = lambda asked: False) -> list[Row]:
    made = serving(needs)
    made.denied = denied
    with on(made) as api:
        return list(rights.rows(needs, api))


def test_who_may_everything_is_fine_and_everything_is_asked(on: On, staging: Needs) -> None:
    found: list[tuple[str, str, str]] = []

    def noted(asked: Attributes) -> bool:
        found.append((asked["verb"], asked["resource"], asked.get("namespace", "")))
        return False

    assert [row.state for row in rows(on, staging, noted)] == ["fine", "fine"]
    assert {("create", "secrets", "staging"), ("delete", "tasks", "staging-ci"), ("patch", "clusterroles", "")} <= set(found)
    assert ("watch", "deployments", "staging") in found
    for each in staging.objects:
        assert ("create", plural(each["kind"]), each["metadata"].get("namespace", "")) in found


def test_a_verb_that_is_missing_is_named_with_its_place(on: On, staging: Needs) -> None:
    def denied(asked: Attributes) -> bool:
        return asked["resource"] == "secrets" and asked["verb"] in ("create", "patch") and asked["namespace"] == "staging-ci"

    (wrong,) = [row for row in rows(on, staging, denied) if row.state == "wrong"]
    assert wrong.what == "Pulumi may create, patch secrets in staging-ci"
    assert wrong.mend.startswith("kubectl create role NAME --verb=create,patch --resource=secrets --namespace=staging-ci")


def test_cluster_scoped_kinds_take_a_cluster_role(on: On, staging: Needs) -> None:
    (wrong,) = [
        row
        for row in rows(on, staging, lambda asked: asked["resource"] == "namespaces" and asked["verb"] == "create")
        if row.state == "wrong"
    ]
    assert wrong.mend.startswith("kubectl create clusterrole NAME --verb=create --resource=namespaces,")


def test_roles_are_granted_by_who_holds_them_or_may_escalate(on: On, staging: Needs) -> None:
    def no_escalation(asked: Attributes) -> bool:
        return asked["verb"] in ("escalate", "bind")

    def neither(asked: Attributes) -> bool:
        return no_escalation(asked) or (asked["resource"] == "pipelineruns" and asked["verb"] == "create")

    assert [row.state for row in rows(on, staging, no_escalation)] == ["fine", "fine"], "who holds everything may grant it"
    (wrong,) = [row for row in rows(on, staging, neither) if row.state == "wrong"]
    assert wrong.what == "Pulumi may grant the stack's roles in staging-ci"
    assert "create pipelineruns.tekton.dev in staging-ci" in wrong.said


def test_a_kind_that_the_cluster_does_not_know_is_told(on: On, staging: Needs) -> None:
    made = serving(staging)
    del made.objects["/apis/tekton.dev/v1"]
    with on(made) as api:
        unknown = [row.what for row in rights.rows(staging, api) if row.state == "unknown"]
    assert set(unknown) == {"Pulumi's rights to each Task", "Pulumi's rights to each Pipeline"}
    assert len(unknown) == 2, "each kind once"
