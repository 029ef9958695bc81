"""One stack through its life: every kind that the project declares, created, previewed, edited, drifted and removed.

Each test goes on where the one before it ended.
"""

import base64
import json
import re
from typing import Any

import pytest

from tests.conformance.conftest import Kubectl, NewStack
from tests.conformance.harness import Stack
from tests.conformance.resources import Resource, deployment, edited, kubernetes, pods, space

pytestmark = pytest.mark.conformance

PLAIN_SECRET = "a-plain-secret-value"
NAME = {"$ref": ["space", "metadata", "name"]}
EXPORTS = {
    "uid": {"$ref": ["account", "metadata", "uid"]},
    "password": {"$ref": ["password", "result"]},
    "hash": {"$ref": ["password", "bcryptHash"]},
    "autonamed": {"$ref": ["settings", "metadata", "name"]},
}


def everything(full: str, images: dict[str, str]) -> list[Resource]:
    random = "random:index"
    subject = {"kind": "ServiceAccount", "name": "account", "namespace": NAME}
    template = pods(images["pause"])
    template["spec"]["containers"][0]["env"] = [
        {"name": "FIRST", "value": "1"},
        {"name": "PASSWORD", "value": {"$ref": ["password", "result"]}},
    ]
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1000m", "memory": "1024Ki"}}
    settings = kubernetes("settings", "core/v1:ConfigMap", None, "plain", data={"a": "1"}, depends=["space"])
    del settings["props"]["metadata"]["name"]
    group = "rbac.authorization.k8s.io"
    return [
        space(full),
        {
            "name": "password",
            "type": f"{random}/randomPassword:RandomPassword",
            "props": {"length": 24, "minSpecial": 3, "overrideSpecial": "_-", "keepers": {"round": "1"}},
            "outputs": ["result", "bcryptHash"],
            "secret_outputs": ["result", "bcryptHash"],
        },
        {"name": "id", "type": f"{random}/randomId:RandomId", "props": {"byteLength": 4, "prefix": "x-"}},
        kubernetes("account", "core/v1:ServiceAccount", NAME, automountServiceAccountToken=False),
        kubernetes("role", f"{group}/v1:Role", NAME, rules=[rule("get")]),
        kubernetes("binding", f"{group}/v1:RoleBinding", NAME, roleRef=role_ref("role"), subjects=[subject]),
        kubernetes(full, f"{group}/v1:ClusterRole", None, rules=[rule("list")]) | {"name": "cluster-role"},
        kubernetes("secret", "core/v1:Secret", NAME, stringData={"a": {"$secret": PLAIN_SECRET}}),
        kubernetes("sealed", "core/v1:Secret", NAME, "plain", stringData={"a": {"$ref": ["password", "result"]}}),
        settings,
        kubernetes("config", "core/v1:ConfigMap", NAME, data={"a": "1"}),
        kubernetes(
            "policy", "networking.k8s.io/v1:NetworkPolicy", NAME, spec={"podSelector": {}, "policyTypes": ["Ingress"]}
        ),
        kubernetes("quota", "core/v1:ResourceQuota", NAME, spec={"hard": {"pods": "20", "requests.cpu": "4000m"}}),
        deployment(NAME, template, metadata={"labels": {"app.kubernetes.io/name": "app"}}, depends=["quota"]),
        kubernetes("service", "core/v1:Service", NAME, spec={"selector": {"app": "app"}, "ports": [{"port": 80}]}),
        kubernetes("task", "tekton.dev/v1:Task", NAME, spec={"steps": [step("one")]}),
        kubernetes(
            "pipeline",
            "tekton.dev/v1:Pipeline",
            NAME,
            spec={"tasks": [{"name": "a", "taskRef": {"name": {"$ref": ["task", "metadata", "name"]}}}]},
        ),
        kubernetes(
            "triggers",
            "triggers.tekton.dev/v1beta1:TriggerBinding",
            NAME,
            spec={"params": [{"name": "sha", "value": "$(body.sha)"}]},
        ),
    ]


def rule(verb: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}


def role_ref(name: str) -> dict[str, Any]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}


def step(name: str) -> dict[str, Any]:
    return {"name": name, "image": "registry.internal:5000/none", "script": "true"}


@pytest.fixture(scope="module")
def stack(new_stack: NewStack) -> Stack:
    return new_stack("life")


@pytest.fixture(scope="module")
def full(namespace: str) -> str:
    return f"{namespace}-life"


def test_a_first_preview_plans_everything(stack: Stack, full: str, images: dict[str, str]) -> None:
    # It leaves out metadata that only the server knows, so a program that reads a uid fails in it.
    stack.declare(everything(full, images), {name: value for name, value in EXPORTS.items() if name != "uid"})
    run = stack.preview()
    assert run.status == 0, run.output
    assert {name: run.of(name) for name in ("space", "app", "task")} == {
        "space": ["create"],
        "app": ["create"],
        "task": ["create"],
    }


def test_everything_is_created_and_ready(stack: Stack, full: str, images: dict[str, str], kubectl: Kubectl) -> None:
    stack.declare(everything(full, images), EXPORTS)
    run = stack.up()
    assert run.status == 0, run.output
    status = json.loads(kubectl("get", "deployment", "app", "-n", full, "-o", "json"))["status"]
    assert status["availableReplicas"] == 1
    outputs = stack.outputs()
    assert re.fullmatch(r"[0-9a-f-]{36}", outputs["uid"])
    assert re.fullmatch(r"settings-[0-9a-f]{8}", outputs["autonamed"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", outputs["password"])
    assert outputs["hash"].startswith("$2")


def test_no_secret_is_in_the_state_in_plain_text_or_base64(stack: Stack) -> None:
    text = stack.state_file.read_text()
    for secret in (PLAIN_SECRET, stack.outputs()["password"], stack.outputs()["hash"]):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode() not in text
    assert '"ciphertext"' in text


def test_a_secret_in_a_list_makes_the_list_secret(stack: Stack) -> None:
    pod = stack.resources()["app"]["inputs"]["spec"]["template"]["spec"]
    assert "ciphertext" in pod["containers"]


def test_neither_another_preview_nor_a_refresh_finds_a_change(stack: Stack) -> None:
    # Defaults (1000m, 1024Ki, a Service's ports) and Tekton's webhooks rewrite what was declared: that is not drift.
    run = stack.preview("--refresh", "--expect-no-changes")
    assert run.status == 0, run.output


def test_a_preview_of_an_invalid_edit_fails_with_the_server_s_words(stack: Stack, full: str, images: dict[str, str]) -> None:
    wrong = {"steps": [{**step("one"), "scriptt": "true"}]}
    stack.declare(edited(everything(full, images), task={"spec": wrong}), EXPORTS)
    run = stack.preview()
    assert run.status != 0
    assert "scriptt" in run.errors


def test_every_edit_is_the_operation_that_the_kind_allows(stack: Stack, full: str, images: dict[str, str]) -> None:
    resources = everything(full, images)
    app = next(resource for resource in resources if resource["name"] == "app")["props"]["spec"]
    resources = edited(
        resources,
        account={"automountServiceAccountToken": True},
        role={"rules": [rule("get"), rule("watch")]},
        binding={"roleRef": role_ref("other")},
        secret={"stringData": {"a": {"$secret": "another-secret-value"}}},
        sealed={"stringData": {"a": {"$secret": "yet-another-secret"}}},
        settings={"data": {"a": "2"}},
        config={"data": {"b": "2"}},
        quota={"spec": {"hard": {"pods": "30"}}},
        app={"spec": {**app, "revisionHistoryLimit": 3}},
        task={"spec": {"steps": [step("one"), step("two")]}},
        id={"byteLength": 8, "prefix": "x-"},
    )
    stack.declare(resources, EXPORTS)
    run = stack.up()
    assert run.status == 0, run.output
    fixed_name = ["delete-replaced", "replace", "create-replacement"]
    free_name = ["create-replacement", "replace", "delete-replaced"]
    assert run.changed == {
        "account": ["update"],
        "role": ["update"],
        "binding": fixed_name,
        "secret": ["update"],
        "sealed": fixed_name,
        "settings": free_name,
        "config": ["update"],
        "quota": ["update"],
        "app": ["update"],
        "task": ["update"],
        "id": free_name,
    }


def test_what_is_no_longer_declared_leaves_the_object(stack: Stack, full: str, kubectl: Kubectl) -> None:
    assert json.loads(kubectl("get", "configmap", "config", "-n", full, "-o", "json"))["data"] == {"b": "2"}


def test_refresh_reports_what_others_changed_and_not_what_they_added(stack: Stack, full: str, kubectl: Kubectl) -> None:
    kubectl("label", "-n", full, "task", "task", "unrelated=yes")
    kubectl("label", "-n", full, "deployment", "app", "app.kubernetes.io/name=foreign", "--overwrite")
    more = json.dumps([{"op": "add", "path": "/rules/0/verbs/-", "value": "delete"}])
    kubectl("patch", "-n", full, "role", "role", "--type=json", "-p", more)
    patch = json.dumps({"data": {"a": base64.b64encode(b"tampered").decode()}})
    kubectl("patch", "-n", full, "secret", "secret", "-p", patch)
    kubectl("delete", "-n", full, "networkpolicy", "policy")
    run = stack.refresh("--preview-only")
    assert run.status == 0, run.output
    found = {name for operation, name in run.operations if operation in ("found-update", "found-delete")}
    # The role's new verb is what `operate drift` is for.
    assert found == {"app", "secret", "policy"}


def test_destroy_leaves_nothing(stack: Stack, full: str, kubectl: Kubectl) -> None:
    run = stack.destroy()
    assert run.status == 0, run.output
    assert list(stack.resources()) == []
    assert kubectl("get", "namespace,clusterrole", full, "--ignore-not-found") == ""
