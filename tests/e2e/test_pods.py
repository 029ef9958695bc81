"""Which pods may exist where pull-request code is built, and how many and how large they may get."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client

from local.kubernetes_api import Object
from tests.e2e.admission import put, refused
from tests.e2e.world import World

IMAGE = "registry.internal:5000/platform/tools"
POLICY = "staging-pods"


def plain_pod() -> Object:
    """A pod that Pod Security `restricted` admits."""
    return {
        "metadata": {"name": "probe"},
        "spec": {
            "nodeSelector": {"nowhere": "yes"},
            "containers": [
                {
                    "name": "probe",
                    "image": IMAGE,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }


@pytest.fixture(scope="module")
def build_pod(world: World) -> Object:
    """The pod that built a pull request, as Tekton asked for it."""
    pull_request = world.open({"message.txt": "For its pod\n"})
    run, succeeded, told = world.run("staging", pull_request)
    assert succeeded, told
    found: Any = world.kubernetes.core.list_namespaced_pod(
        "staging-ci", label_selector=f"tekton.dev/pipelineRun={run['metadata']['name']},tekton.dev/pipelineTask=build"
    )
    (pod,) = found.items
    made: Object = world.kubernetes.api.sanitize_for_serialization(pod)
    made["metadata"] = {"name": "probe", "labels": made["metadata"]["labels"]}
    del made["spec"]["nodeName"], made["status"]
    return made


@pytest.fixture(scope="module")
def create(world: World) -> Callable[..., Any]:
    """Create a pod as the cluster's administrator, and take it back: nobody is above this policy."""

    def created(pod: Object, change: Callable[[Any], None] = lambda pod: None) -> Any:
        altered = copy.deepcopy(pod)
        change(altered)
        return world.kubernetes.core.create_namespaced_pod("staging-ci", altered, dry_run="All")

    return created


CONTAINER = ("spec", "containers", 0)
CONTEXT = (*CONTAINER, "securityContext")


def test_restricted_pods_and_the_build_pod_are_admitted(create: Callable[..., Any], build_pod: Object) -> None:
    create(plain_pod())
    create(build_pod)
    names = [container["name"] for container in build_pod["spec"]["containers"]]
    assert names == ["step-fetch", "step-test", "step-image"]
    assert {container["name"] for container in build_pod["spec"]["initContainers"]} == {"prepare", "place-scripts"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda pod: pod["spec"]["containers"][0].pop("securityContext"), "restricted", id="nothing-set"),
        pytest.param(put(*CONTEXT, "allowPrivilegeEscalation", value=True), "allowPrivilegeEscalation", id="escalation"),
        pytest.param(put(*CONTEXT, "capabilities", value={"drop": ["CHOWN"]}), "drop ALL", id="drop"),
        pytest.param(put(*CONTEXT, "capabilities", "add", value=["SETUID"]), "add none", id="add"),
        pytest.param(put(*CONTEXT, "runAsNonRoot", value=False), "non-root", id="root"),
        pytest.param(put(*CONTEXT, "runAsUser", value=0), "non-root", id="uid-0"),
        pytest.param(
            lambda pod: pod["spec"]["containers"][0]["securityContext"].pop("seccompProfile"), "seccomp", id="seccomp"
        ),
        pytest.param(
            lambda pod: pod["spec"].update(initContainers=[{"name": "first", "image": IMAGE}]), "first", id="init-container"
        ),
        pytest.param(put(*CONTAINER, "name", value="step-image"), None, id="admitted-by-any-name"),
        pytest.param(
            lambda pod: (put(*CONTAINER, "name", value="step-image")(pod), put(*CONTEXT, "runAsUser", value=0)(pod)),
            "non-root",
            id="the-exempt-name-alone",
        ),
        pytest.param(
            put("spec", "volumes", value=[{"name": "a", "nfs": {"server": "example.org", "path": "/"}}]), "volumes", id="nfs"
        ),
    ],
)
def test_what_baseline_would_admit_is_refused(create: Callable[..., Any], change: Any, says: str | None) -> None:
    if says is None:
        create(plain_pod(), change)
    else:
        assert says in refused(lambda: create(plain_pod(), change), POLICY)


def test_what_baseline_refuses_stays_refused(create: Callable[..., Any]) -> None:
    for change in (put(*CONTEXT, "privileged", value=True), put("spec", "hostNetwork", value=True)):
        with pytest.raises(client.ApiException) as answer:
            create(plain_pod(), change)
        assert answer.value.status in (403, 422)


def step(pod: Object, name: str) -> Object:
    """A container of the build pod."""
    found: Object
    (found,) = (item for item in pod["spec"]["containers"] if item["name"] == name)
    return found


def of_the_host(pod: Object) -> Object:
    """The pod's specification without `procMount`, which Kubernetes itself refuses outside a user namespace."""
    for container in pod["spec"]["containers"]:
        container["securityContext"].pop("procMount", None)
    specification: Object = pod["spec"]
    return specification


TOKEN = {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda pod: of_the_host(pod).update(hostUsers=True), "hostUsers", id="host-users"),
        pytest.param(lambda pod: of_the_host(pod).pop("hostUsers"), "hostUsers", id="host-users-unset"),
        pytest.param(put("spec", "automountServiceAccountToken", value=True), "token", id="automount"),
        pytest.param(lambda pod: pod["spec"]["volumes"].append(TOKEN), "token", id="projected-token"),
        pytest.param(
            lambda pod: pod["spec"]["volumes"].append({"name": "more", "secret": {"secretName": "registry-push"}}),
            "no Secret but",
            id="other-secret",
        ),
        pytest.param(
            lambda pod: pod["spec"]["volumes"].append(
                {"name": "more", "projected": {"sources": [{"secret": {"name": "registry-push"}}]}}
            ),
            "no Secret but",
            id="projected-secret",
        ),
        pytest.param(
            lambda pod: step(pod, "step-test")["volumeMounts"].append({"name": "quarantine-push", "mountPath": "/stolen"}),
            "no Secret but",
            id="secret-in-another-step",
        ),
        pytest.param(
            lambda pod: step(pod, "step-test").update(envFrom=[{"secretRef": {"name": "forge-token"}}]),
            "no Secret but",
            id="secret-as-environment",
        ),
        pytest.param(
            lambda pod: step(pod, "step-test")["env"].append(
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "forge-token", "key": "token"}}}
            ),
            "no Secret but",
            id="secret-as-variable",
        ),
        pytest.param(
            lambda pod: pod["spec"]["containers"].append(step(pod, "step-test") | {"name": "sidecar-db"}),
            "images that the stack declares",
            id="service-of-no-setting",
        ),
        pytest.param(
            lambda pod: step(pod, "step-test")["securityContext"].update(runAsUser=0), "non-root", id="root-in-another-step"
        ),
        pytest.param(
            lambda pod: step(pod, "step-image")["securityContext"]["capabilities"]["add"].append("MKNOD"),
            "step-image",
            id="capability",
        ),
        pytest.param(
            lambda pod: step(pod, "step-image")["securityContext"]["capabilities"].pop("drop"), "step-image", id="no-drop"
        ),
        pytest.param(
            lambda pod: step(pod, "step-image")["securityContext"].update(allowPrivilegeEscalation=True),
            "step-image",
            id="escalation",
        ),
    ],
)
def test_pull_request_code_runs_only_as_declared(
    create: Callable[..., Any], build_pod: Object, change: Any, says: str
) -> None:
    assert says in refused(lambda: create(build_pod, change), POLICY)


def test_an_ephemeral_container_is_held_to_the_same(world: World) -> None:
    core = world.kubernetes.core
    core.create_namespaced_pod("staging-ci", plain_pod())
    try:
        allowed = plain_pod()["spec"]["containers"][0] | {"name": "debug"}
        for container, works in ((allowed, True), ({"name": "debug", "image": IMAGE}, False)):
            body = {"spec": {"ephemeralContainers": [container]}}

            def attach(body: Object = body) -> Any:
                return core.patch_namespaced_pod_ephemeralcontainers("probe", "staging-ci", body, dry_run="All")

            if works:
                assert attach().spec.ephemeral_containers[0].name == "debug"
            else:
                assert "debug" in refused(attach, POLICY)
    finally:
        core.delete_namespaced_pod("probe", "staging-ci", grace_period_seconds=0)


@pytest.mark.parametrize("namespace", ["staging", "staging-ci", "production", "production-ci"])
def test_a_container_without_limits_gets_some(world: World, namespace: str) -> None:
    made: Any = world.kubernetes.core.create_namespaced_pod(namespace, plain_pod(), dry_run="All")
    resources = made.spec.containers[0].resources
    assert resources.limits == {"memory": "512Mi"}
    assert resources.requests == {"cpu": "10m", "memory": "32Mi"}


@pytest.fixture
def crowd(world: World) -> Iterator[Callable[[int], None]]:
    """Fill a namespace with pods that no node takes."""
    core = world.kubernetes.core
    made: list[str] = []

    def fill(count: int) -> None:
        for _ in range(count):
            name = f"crowd-{len(made)}"
            core.create_namespaced_pod("staging", plain_pod() | {"metadata": {"name": name}})
            made.append(name)

    yield fill
    for name in made:
        core.delete_namespaced_pod(name, "staging", grace_period_seconds=0)


def test_a_namespace_takes_no_more_pods_than_its_quota(world: World, crowd: Callable[[int], None]) -> None:
    (quota,) = world.kubernetes.core.list_namespaced_resource_quota("staging").items
    free = int(quota.status.hard["pods"]) - int(quota.status.used["pods"])
    assert 0 < free < 20
    crowd(free)
    with pytest.raises(client.ApiException) as answer:
        crowd(1)
    assert answer.value.status == 403
    assert "exceeded quota: pods" in str(answer.value.body)
