"""What counts as drift: everything that replacing an object by its declaration would change."""

import copy
import json
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

from components.conventions import Manifest
from offline.render import record
from operate import __main__ as command
from operate import declared, drift
from operate.declared import Declaration, Declared
from operate.errors import OperateError
from tests.support import ROOT

ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "deployer", "namespace": "staging", "labels": {"a": "b"}},
    "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}],
}


class Kind:
    """One kind of an API server in memory: a replacement is what was sent."""

    def __init__(self, objects: dict[str, Manifest]) -> None:
        self.objects, self.conflicts = objects, 0

    def get(self, name: str = "", namespace: str | None = None) -> Any:
        if not name:
            items = [each for each in self.objects.values() if each["metadata"].get("namespace") == namespace]
            return SimpleNamespace(to_dict=lambda: {"items": items})
        if name not in self.objects:
            raise NotFoundError(SimpleNamespace(status=404, reason="Not Found", body="", headers={}))
        return SimpleNamespace(to_dict=lambda: copy.deepcopy(self.objects[name]))

    def replace(self, body: Manifest, namespace: str | None, field_manager: str, dry_run: str | None = None) -> Any:
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError(SimpleNamespace(status=409, reason="Conflict", body="", headers={}))
        made = {**body, "metadata": {**body["metadata"], "uid": "x"}}
        if not dry_run:
            self.objects[body["metadata"]["name"]] = made
        return SimpleNamespace(to_dict=lambda: made)


def cluster(**kinds: Kind) -> Any:
    found = {"Role": Kind({}), "RoleBinding": Kind({}), "NetworkPolicy": Kind({}), **kinds}
    return SimpleNamespace(resources=SimpleNamespace(get=lambda api_version, kind: found[kind]))


def live(**changes: Any) -> Manifest:
    made: Manifest = copy.deepcopy(ROLE) | changes
    made["metadata"] |= {"resourceVersion": "7", "uid": "x", "managedFields": []}
    return made


def declaration(*manifests: Manifest) -> Declaration:
    return Declaration(tuple(Declared(each, ()) for each in manifests), None, None)


def test_an_object_as_declared_is_no_drift() -> None:
    assert drift.find(cluster(Role=Kind({"deployer": live()})), declaration(ROLE)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rules": [ROLE["rules"][0] | {"verbs": ["get", "delete"]}]}, "rules[0].verbs[1] was added"),
        ({"rules": []}, "rules[0] was removed"),
        ({"rules": [ROLE["rules"][0] | {"verbs": ["list"]}]}, "rules[0].verbs[0] was changed"),
        ({"metadata": ROLE["metadata"] | {"labels": {"a": "b", "c": "d"}}}, "metadata.labels.c was added"),
        ({"metadata": ROLE["metadata"] | {"annotations": {"c": "d"}}}, "metadata.annotations was added"),
    ],
)
def test_what_was_added_changed_or_removed_is_named_and_put_back(change: Manifest, told: str) -> None:
    kind = Kind({"deployer": live(**copy.deepcopy(change))})
    assert [str(each) for each in drift.find(cluster(Role=kind), declaration(ROLE))] == [f"Role staging/deployer: {told}"]
    (repaired,) = drift.find(cluster(Role=kind), declaration(ROLE), repair=True)
    assert repaired.repaired
    assert drift.find(cluster(Role=kind), declaration(ROLE)) == []


def test_a_missing_object_is_told() -> None:
    (found,) = drift.find(cluster(), declaration(ROLE))
    assert "is missing" in str(found)


def test_an_object_that_opens_a_namespace_and_is_not_declared_is_told() -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "staging"}}
    stranger = live(metadata={"name": "stranger", "namespace": "staging"})
    elsewhere = live(metadata={"name": "elsewhere", "namespace": "other"})
    there = cluster(Role=Kind({"s": stranger, "e": elsewhere}), Namespace=Kind({"staging": copy.deepcopy(space)}))
    assert [str(each) for each in drift.find(there, declaration(space))] == [
        "Role staging/stranger: is not declared; delete it, or declare it"
    ]


def test_what_opens_a_delivery_namespace_that_was_there_already_is_told_too() -> None:
    """It is for deliveries alone. Where applications run beside those of somebody else, theirs is theirs."""
    task = {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "build", "namespace": "builds"}}
    found = {name: live(metadata={"name": name, "namespace": name}) for name in ("builds", "shop-prod")}
    there = cluster(Role=Kind(found), Task=Kind({"build": copy.deepcopy(task)}))
    assert [str(each) for each in drift.find(there, declaration(task))] == [
        "Role builds/builds: is not declared; delete it, or declare it"
    ]


def test_a_change_in_between_is_tried_again_and_not_for_ever() -> None:
    kind = Kind({"deployer": live()})
    kind.conflicts = 2
    assert drift.find(cluster(Role=kind), declaration(ROLE)) == []
    kind.conflicts = 99
    with pytest.raises(OperateError, match="Role staging/deployer"):
        drift.find(cluster(Role=kind), declaration(ROLE))


def test_what_is_left_to_others_stays_theirs() -> None:
    containers = [{"name": "app", "image": "declared"}]
    manifest = {
        "kind": "Deployment",
        "metadata": {"name": "app", "annotations": {"ours": "1"}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}},
    }
    there = copy.deepcopy(manifest)
    there["metadata"] |= {"annotations": {"ours": "2", "theirs": "3"}, "resourceVersion": "7"}
    there["spec"] |= {"replicas": 3}
    there["spec"]["template"]["spec"]["containers"][0] |= {"image": "delivered", "env": [{"name": "ADDED"}]}
    sent = drift.replacement(Declared(manifest, ("spec.template.spec.containers[0].image", "spec.replicas")), there)
    assert sent["metadata"] == {"name": "app", "annotations": {"ours": "1", "theirs": "3"}, "resourceVersion": "7"}
    assert sent["spec"]["replicas"] == 3
    assert sent["spec"]["template"]["spec"]["containers"] == [{"name": "app", "image": "delivered"}]
    assert (
        drift.replacement(Declared({"kind": "Lease", "metadata": {}}, ("spec",)), {"metadata": {}, "spec": 1})["spec"] == 1
    )
    assert "spec" not in drift.replacement(
        Declared({"kind": "Lease", "metadata": {}, "spec": 1}, ("spec",)), {"metadata": {}}
    )


def test_the_declaration_holds_what_the_program_and_the_state_say() -> None:
    found = declared._declaration(record(ROOT / "Pulumi.staging.yaml"))
    secrets = [each.manifest for each in found.objects if each.manifest["kind"] == "Secret"]
    assert secrets
    assert "[secret]" not in json.dumps(secrets)
    assert ("spec.template.spec.containers[0].image",) in {each.ignored for each in found.objects}
    state = [
        {
            "type": "random:index/randomPassword:RandomPassword",
            "urn": "urn:pulumi:staging::p::random:index/randomPassword:RandomPassword::listener-webhook",
            "outputs": {"result": {"plaintext": '"made"'}},
        },
        {"type": "kubernetes:core/v1:Secret", "urn": "urn", "outputs": {}},
    ]
    assert declared._passwords(state) == {"listener-webhook": "made"}


def test_pulumi_s_own_refusal_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = subprocess.CompletedProcess([], 255, "", "error: no stack named 'nowhere' found\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **rest: refusal)
    assert command.main(["drift", "nowhere"]) == 1
    assert "no stack named 'nowhere' found" in capsys.readouterr().err
