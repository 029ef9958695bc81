"""Build secrets: files for one application's tests and build, and for nobody else's."""

import pytest

from offline.reachability.rows import rows
from tests.admission import refusals
from tests.closure import problems
from tests.support import CANARY, Declared, Object, canary, record_config, record_stack, shipped_config

SECRET = "shop-build-secrets"
BUILT = "staging-ci"


@pytest.fixture(scope="module")
def declared() -> Declared:
    """Staging with two applications, of which one has build secrets."""
    config = shipped_config("staging")
    (application,) = config["applications"]
    shop = application | {
        "name": "shop",
        "repository": "acme/shop",
        "buildSecrets": {"npm-token": {"file": "secrets/npm"}, "pip.conf": {"file": "secrets/pip"}},
    }
    return record_config(config | {"applications": [application, shop]})


def steps(declared: Declared, task: str) -> dict[str, Object]:
    return {step["name"]: step for step in declared.one("Task", task)["spec"]["steps"]}


def mounted(step: Object) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in step.get("volumeMounts", [])}


def test_they_lie_in_one_secret_of_the_delivery_namespace(declared: Declared) -> None:
    secret = declared.one("Secret", SECRET)
    assert secret["metadata"]["namespace"] == BUILT
    assert set(secret["stringData"]) == {"npm-token", "pip.conf"}


def test_tests_and_the_build_read_them_and_no_other_step(declared: Declared) -> None:
    found = steps(declared, "build-shop")
    assert mounted(found["test"])["/run/secrets"] == "build-secrets"
    assert mounted(found["image"])["/credentials/build"] == "build-secrets"
    assert [name for name, step in found.items() if "build-secrets" in mounted(step).values()] == ["test", "image"]


def test_the_application_alone_is_built_with_them(declared: Declared) -> None:
    built_by = {
        pipeline["metadata"]["name"]: task["taskRef"]["name"]
        for pipeline in declared.all("Pipeline")
        for task in pipeline["spec"]["tasks"]
        if task["name"] == "build"
    }
    assert built_by == {
        "chespirito-staging-pipeline": "build",
        "chespirito-staging-rebuild-pipeline": "build",
        "shop-staging-pipeline": "build-shop",
        "shop-staging-rebuild-pipeline": "build-shop",
    }
    holding = {task["metadata"]["name"] for task in declared.all("Task") if SECRET in str(task)}
    assert holding == {"build-shop"}, "a fork's pull request is tested without them"


def test_what_reaches_them_is_in_the_table(declared: Declared) -> None:
    reached = {(row.pod, row.container) for row in rows(declared.objects) if row.reaches == f"secret {BUILT}/{SECRET}"}
    assert {container for _, container in reached} == {"test", "image"}


def test_what_is_handed_over_is_taken(declared: Declared) -> None:
    assert [line for line in problems(declared) if not line.startswith("pipelines: ")] == []


@pytest.mark.parametrize(("container", "admitted"), [("step-test", True), ("step-fetch", False), ("sidecar-db", False)])
def test_the_policy_lets_those_steps_mount_them(declared: Declared, container: str, admitted: bool) -> None:
    security = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    holder = {"name": container, "securityContext": security, "volumeMounts": [{"name": "s", "mountPath": "/run/secrets"}]}
    pod = {
        "serviceAccountName": "untrusted",
        "hostUsers": False,
        "automountServiceAccountToken": False,
        "containers": [holder],
        "volumes": [{"name": "s", "secret": {"secretName": SECRET}}],
    }
    found = [text for text in refusals(declared, "tekton-delivery-staging-pods", {"spec": pod}) if "no Secret but" in text]
    assert (found == []) is admitted


def test_no_value_is_readable() -> None:
    everything = record_stack("everything", read=canary)
    assert any("build-secrets" in name for name in everything.names("Secret"))
    assert CANARY not in repr(everything.recording)
