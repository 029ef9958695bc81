"""Approvals: who may give them, in whose name, and what else comes with the setting."""

import copy
from typing import Any

import pytest

from tests.admission import refusals
from tests.support import Declared, Object, asking

POLICY = "tekton-delivery-production-approvals"
DIGEST = "sha256:" + "a" * 64


def approval(by: str) -> Object:
    return {
        "metadata": {"name": "approval-1", "labels": {"tekton-delivery/approval": "chespirito-pod"}},
        "immutable": True,
        "data": {"digest": DIGEST, "approver": by},
    }


def test_who_is_asked_approves_in_the_own_name() -> None:
    assert refusals(asking(), POLICY, approval("ana"), user="ana") == []
    assert refusals(asking(), POLICY, approval("bob"), user="bob", groups=("releasers", "others")) == []


def test_nobody_else_approves() -> None:
    (refused,) = refusals(asking(), POLICY, approval("eve"), user="eve", groups=("others",))
    assert refused == "approvals are given by ana, the group releasers"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "approver"), "bob"),
        (("data",), {"digest": DIGEST}),
        (("data", "digest"), "latest"),
        (("data",), {"approver": "ana"}),
        (("data", "more"), "x"),
        (("immutable",), False),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_an_approval_of_another_form_is_refused(path: tuple[str, ...], value: Any) -> None:
    made = approval("ana")
    item = made
    for part in path[:-1]:
        item = item[part]
    item[path[-1]] = value
    assert len(refusals(asking(), POLICY, made, user="ana")) == 1


def test_nobody_changes_an_approval_or_makes_one_of_something_else() -> None:
    plain = approval("ana")
    del plain["metadata"]["labels"]
    for new, old in ((approval("ana"), plain), (plain, approval("ana")), (approval("ana"), approval("ana"))):
        assert refusals(asking(), POLICY, new, old=old, user="ana") == ["an approval never changes"]


def test_other_config_maps_are_nobodys_business() -> None:
    other: Object = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "x"}}
    assert refusals(asking(), POLICY, other, user="system:kube-controller-manager") == []
    assert refusals(asking(), POLICY, other, old=copy.deepcopy(other), user="system:kube-controller-manager") == []


def test_approvers_may_look_and_approve_and_the_deployer_may_read_approvals() -> None:
    stack = asking()
    people = [
        {"kind": "User", "name": "ana", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "Group", "name": "releasers", "apiGroup": "rbac.authorization.k8s.io"},
    ]
    for namespace, rights in (
        ("production-ci", {"configmaps": ["create"], "taskruns": ["get"]}),
        ("production", {"deployments": ["get", "list"]}),
    ):
        assert stack.one("RoleBinding", "approver", namespace)["subjects"] == people
        rules = stack.one("Role", "approver", namespace)["rules"]
        assert {resource: rule["verbs"] for rule in rules for resource in rule["resources"]} == rights
    (rule,) = stack.one("Role", "approval-reader", "production-ci")["rules"]
    assert (rule["resources"], rule["verbs"]) == (["configmaps"], ["list", "watch"])


def test_a_merge_waits_between_the_proof_and_the_rollout_and_has_the_time_for_it() -> None:
    stack = asking()
    proves, waits = stack.one("Task", "promote")["spec"]["steps"]
    assert (proves["name"], waits["name"]) == ("prove", "approve"), "people believe what a step said that has ended"
    env = {item["name"]: item.get("value", "") for item in waits["env"]}
    assert env["APPROVAL_TIMEOUT"] == "2h"
    assert (env["APPROVERS"], env["APPROVAL_COUNT"], env["APPROVAL_SECONDS"]) == ("ana, group releasers", "2", "7200")
    (run,) = stack.one("TriggerTemplate", "github-main-trigger-template")["spec"]["resourcetemplates"]
    # The people's two hours, and half an hour, the mark's minute and four times a rollout of a minute with the way back.
    tasks = {task["name"]: task for task in stack.one("Pipeline", "chespirito-production-pipeline")["spec"]["tasks"]}
    assert tasks["promote"]["timeout"] == "2h41m0s"
    assert run["spec"]["timeouts"] == {"tasks": "3h11m0s", "pipeline": "3h21m0s"}


def test_the_pull_request_is_told_what_its_merge_waits_for() -> None:
    stack = asking()
    (step,) = stack.one("Task", "announce")["spec"]["steps"]
    env = {item["name"]: item.get("value", "") for item in step["env"]}
    assert env["WAITS_FOR"] == "waits for 2 of ana, group releasers to approve, up to 2h"
    tasks = stack.one("Pipeline", "chespirito-production-pipeline")["spec"]["tasks"]
    assert "announce" in [task["name"] for task in tasks if "runAfter" not in task]
    (run,) = stack.one("TriggerTemplate", "github-main-trigger-template")["spec"]["resourcetemplates"]
    assert {"pipelineTaskName": "announce", "serviceAccountName": "reporter"} in run["spec"]["taskRunSpecs"]


def test_without_the_setting_there_is_nothing_of_it(production: Declared) -> None:
    assert POLICY not in production.names("ValidatingAdmissionPolicy")
    assert not {"approver", "approval-reader"} & set(production.names("Role"))
    assert "announce" not in production.names("Task")
    (step,) = production.one("Task", "promote")["spec"]["steps"]
    assert "APPROVERS" not in [item["name"] for item in step["env"]]
