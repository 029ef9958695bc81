"""Admission policies on pods with pull-request code: what their Task declares, and services beside it, and nothing else."""

from typing import Any

import pytest

from tests.admission import refusals
from tests.support import SERVICE_IMAGE, Declared, Object, with_services


def test_the_image_step_is_held_to_what_its_task_declares(staging: Declared) -> None:
    (step,) = (item for item in staging.one("Task", "build")["spec"]["steps"] if item["name"] == "image")
    pod: Object = {
        "spec": {
            "serviceAccountName": "untrusted",
            "hostUsers": False,
            "automountServiceAccountToken": False,
            "containers": [{"name": "step-image", "securityContext": step["securityContext"]}],
        }
    }
    policy = "tekton-delivery-staging-pods"
    assert refusals(staging, policy, pod) == []
    assert refusals(staging, policy, {"spec": pod["spec"] | {"serviceAccountName": "deployer"}}) != []
    assert refusals(staging, policy, {"spec": pod["spec"] | {"hostUsers": True}}) != []
    assert refusals(staging, policy, {"spec": pod["spec"] | {"containers": [{"name": "step-image"}]}}) != []


def test_an_untrusted_pod_mounts_what_its_task_declares_and_no_token(stacks: dict[str, Declared]) -> None:
    """The stack with every setting builds on a volume that is provisioned for the run."""
    everything = stacks["everything"]
    (task,) = (item["spec"] for item in everything.all("Task") if item["metadata"]["name"] == "build-chespirito")
    (step,) = (item for item in task["steps"] if item["name"] == "image")
    containers = [{"name": "step-image", "securityContext": step["securityContext"]}]
    pod: Object = {
        "serviceAccountName": "untrusted",
        "hostUsers": False,
        "automountServiceAccountToken": False,
        "containers": containers,
        "volumes": [volume for volume in task["volumes"] if "secret" not in volume],
    }
    policy = "tekton-delivery-test-pods"
    assert [volume for volume in pod["volumes"] if "ephemeral" in volume]
    assert refusals(everything, policy, {"spec": pod}) == []
    token = {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    assert refusals(everything, policy, {"spec": pod | {"volumes": [token]}}) != []


def beside(name: str = "sidecar-db", **changed: Any) -> Object:
    """A pod with pull-request code and a service, as the Task with services declares it."""
    task = with_services().one("Task", "build-chespirito")["spec"]
    (step,) = (item for item in task["steps"] if item["name"] == "test")
    (service,) = (item for item in task["sidecars"] if item["name"] == "db")
    test = {"name": "step-test", "image": "any"} | {key: step[key] for key in ("securityContext", "volumeMounts")}
    made = {key: service[key] for key in ("image", "securityContext", "volumeMounts")} | {"name": name} | changed
    return {
        "spec": {
            "serviceAccountName": "untrusted",
            "hostUsers": False,
            "automountServiceAccountToken": False,
            "containers": [test, made],
            "volumes": task["volumes"],
        }
    }


def judged(pod: Object, stack: Declared | None = None) -> list[str]:
    return refusals(stack or with_services(), "tekton-delivery-staging-pods", pod)


def test_services_run_beside_pull_request_code() -> None:
    assert judged(beside()) == []
    native = beside()
    native["spec"]["initContainers"] = [native["spec"]["containers"].pop() | {"restartPolicy": "Always"}]
    assert judged(native) == []


DECLARED_IMAGES = "services beside pull-request code run the images that the stack declares for them"
NOTHING_SHARED = "services beside pull-request code share no volume with another container"
NO_SECRETS = "pods with pull-request code get no Secret but quarantine-push in step-image and ssh-directory in step-fetch"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": SERVICE_IMAGE.replace("5", "6")}, DECLARED_IMAGES),
        ({"volumeMounts": [{"name": "source", "mountPath": "/source", "readOnly": True}]}, NOTHING_SHARED),
        ({"volumeMounts": [{"name": "quarantine-push", "mountPath": "/push"}]}, NO_SECRETS),
        ({"envFrom": [{"secretRef": {"name": "quarantine-push"}}]}, NO_SECRETS),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "b", "key": "c"}}}]}, NO_SECRETS),
    ],
    ids=["another image", "the source", "a credential", "a secret", "a secret's key"],
)
def test_a_service_gets_what_the_stack_declares_and_nothing_of_its_pod(changed: Object, message: str) -> None:
    assert judged(beside(**changed)) == [message]


def test_a_service_is_held_to_pod_security_restricted() -> None:
    (service,) = (item for item in beside()["spec"]["containers"] if item["name"] == "sidecar-db")
    for change in ({"runAsUser": 0}, {"allowPrivilegeEscalation": True}, {"capabilities": {}}, {"seccompProfile": {}}):
        assert len(judged(beside(securityContext=service["securityContext"] | change))) == 1, change


def test_where_no_services_are_declared_none_runs(staging: Declared) -> None:
    assert judged(beside(), staging) == [DECLARED_IMAGES]
    assert judged(beside("sidecar-tekton-log-results"), staging) == [], "Tekton's own, where results are read from logs"
    trusted = beside()
    trusted["spec"]["serviceAccountName"] = "deployer"
    assert judged(trusted, staging) == [], "it is about pods with pull-request code"
