"""What a stolen token of a listener, deployer or supervisor may not do, although RBAC lets its verbs through.

Everything is tried with the identity's own token as a dry run: it goes through admission, and changes nothing.
"""

import copy
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client

from components.policies.runs import CANCELLED
from local.demo import DEPLOYMENT
from local.forge.replay import rewrite
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object
from local.paths import IMAGE_REFS
from tests.e2e.world import World, payload
from tests.sink import deliver
from tests.support import record_stack

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry.internal:5000/chespirito@{DIGEST}"
RUNS = ("tekton.dev", "v1", "staging-ci", "pipelineruns")

Change = Callable[[Any], None]


def put(*path: str | int, value: Any) -> Change:
    """Another value in one place; the places on the way are made where they are missing."""

    def change(item: Any) -> None:
        for part in path[:-1]:
            item = item[part] if isinstance(part, int) else item.setdefault(part, {})
        item[path[-1]] = value

    return change


def refused(attempt: Callable[[], object], policy: str) -> str:
    """See that a policy refuses what is attempted; what it says."""
    with pytest.raises(client.ApiException) as answer:
        attempt()
    assert answer.value.status == 403, answer.value.body
    assert f"ValidatingAdmissionPolicy 'tekton-delivery-{policy}'" in str(answer.value.body), answer.value.body
    return str(answer.value.body)


# The listener


def _started(environment: str, name: str) -> Object:
    """The run that a webhook starts, as the environment's TriggerTemplate makes it."""
    body = rewrite(payload("github", name), repository=REPOSITORY, head_sha=SHA, merge_sha=SHA, number=987654)
    (run,) = deliver(record_stack(environment), body)
    return run


@pytest.fixture(scope="module")
def run() -> Object:
    return _started("staging", "opened")


@pytest.fixture(scope="module")
def listener(world: World) -> Any:
    return client.CustomObjectsApi(world.as_account("staging-ci", "listener"))


@pytest.mark.parametrize(
    ("environment", "webhook"), [("staging", "opened"), ("staging", "closed_unmerged"), ("production", "closed_merged")]
)
def test_a_listener_starts_what_its_templates_declare(world: World, environment: str, webhook: str) -> None:
    api: Any = client.CustomObjectsApi(world.as_account(f"{environment}-ci", "listener"))
    body = _started(environment, webhook)
    made = api.create_namespaced_custom_object("tekton.dev", "v1", f"{environment}-ci", "pipelineruns", body, dry_run="All")
    assert made["metadata"]["name"] == body["metadata"]["name"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(put("spec", "taskRunSpecs", 0, "serviceAccountName", value="deployer"), "taskRunSpecs", id="account"),
        pytest.param(
            put("spec", "taskRunTemplate", "serviceAccountName", value="deployer"), "taskRunTemplate", id="default"
        ),
        pytest.param(
            put("spec", "taskRunTemplate", "podTemplate", value={"hostNetwork": True}), "taskRunTemplate", id="pod"
        ),
        pytest.param(
            put("spec", "taskRunSpecs", 0, "podTemplate", "hostUsers", value=True), "taskRunSpecs", id="host-users"
        ),
        pytest.param(
            put("spec", "taskRunSpecs", 0, "podTemplate", "automountServiceAccountToken", value=True),
            "taskRunSpecs",
            id="token",
        ),
        pytest.param(
            put("spec", "taskRunSpecs", 0, "stepSpecs", value=[{"name": "test", "computeResources": {}}]),
            "taskRunSpecs",
            id="step-specs",
        ),
        pytest.param(lambda run: run["spec"]["taskRunSpecs"].pop(0), "taskRunSpecs", id="no-task-specs"),
        pytest.param(lambda run: run["spec"].pop("taskRunTemplate"), "taskRunTemplate", id="no-account"),
        pytest.param(
            lambda run: run["spec"].update(
                pipelineSpec={"tasks": [{"name": "a", "taskRef": {"name": "stage"}}]}, pipelineRef=None
            ),
            "pipelineSpec",
            id="inline-pipeline",
        ),
        pytest.param(
            put("spec", "pipelineRef", value={"resolver": "git", "params": [{"name": "url", "value": "https://evil"}]}),
            "pipelineRef",
            id="resolver",
        ),
        pytest.param(
            put("spec", "pipelineRef", "name", value="chespirito-staging-rejected-pipeline"), "pipelineRef", id="pipeline"
        ),
        pytest.param(
            put("spec", "workspaces", 0, "secret", "secretName", value="registry-push"), "workspaces", id="other-secret"
        ),
        pytest.param(
            lambda run: run["spec"]["workspaces"].append({"name": "more", "emptyDir": {}}), "workspaces", id="workspace"
        ),
        pytest.param(put("spec", "status", value="PipelineRunPending"), "status", id="pending"),
        pytest.param(put("spec", "timeouts", value={"tasks": "0s", "pipeline": "0s"}), "timeouts", id="timeouts"),
        pytest.param(put("spec", "params", 1, "value", value="main"), "params", id="branch-for-sha"),
        pytest.param(put("spec", "params", 0, "value", value="1; id"), "params", id="number"),
        pytest.param(put("spec", "params", 0, "value", value="$(context.pipelineRun.uid)"), "params", id="variable"),
        pytest.param(put("spec", "params", 0, "value", value="1\n2"), "params", id="lines"),
        pytest.param(put("spec", "params", 0, "value", value=["1"]), "params", id="list"),
        pytest.param(lambda run: run["spec"]["params"].append({"name": "image", "value": "x"}), "params", id="param"),
        pytest.param(lambda run: run["spec"]["params"].pop(), "params", id="no-sha"),
        pytest.param(lambda run: run["spec"].pop("params"), "params", id="no-params"),
        pytest.param(
            put("metadata", "labels", "tekton-delivery/commit", value=SHA.replace("0", "1")), "labels", id="commit-label"
        ),
        pytest.param(put("metadata", "labels", "tekton-delivery/pull-request", value="1"), "labels", id="number-label"),
        pytest.param(put("metadata", "labels", "tekton-delivery/event", value="rejected"), "labels", id="event-label"),
        pytest.param(put("metadata", "labels", "tekton-delivery/event", value="merge"), "events", id="unknown-event"),
        pytest.param(put("metadata", "labels", "app.kubernetes.io/name", value="other"), "applications", id="application"),
        pytest.param(put("metadata", "labels", "tekton.dev/memberOf", value="x"), "labels", id="label"),
        pytest.param(lambda run: run["metadata"].pop("labels"), "events", id="no-labels"),
        pytest.param(put("metadata", "annotations", value={"a": "b"}), "annotations", id="annotation"),
        pytest.param(put("metadata", "finalizers", value=["example.org/stay"]), "finalizers", id="finalizer"),
        pytest.param(put("metadata", "name", value="chespirito-staging-1-01234567-20260101000000"), "named", id="name"),
    ],
)
def test_a_listener_starts_nothing_else(listener: Any, run: Object, change: Change, says: str) -> None:
    altered = copy.deepcopy(run)
    change(altered)
    told = refused(lambda: listener.create_namespaced_custom_object(*RUNS, altered, dry_run="All"), "staging-runs")
    assert says in told


def test_an_older_api_version_is_no_way_around(listener: Any, run: Object) -> None:
    older = copy.deepcopy(run) | {"apiVersion": "tekton.dev/v1beta1"}
    older["spec"].pop("taskRunTemplate")
    older["spec"] |= {"serviceAccountName": "deployer", "taskRunSpecs": []}
    place = ("tekton.dev", "v1beta1", *RUNS[2:])
    assert "taskRunTemplate" in refused(
        lambda: listener.create_namespaced_custom_object(*place, older, dry_run="All"), "staging-runs"
    )


@pytest.mark.parametrize(
    ("plural", "kind"), [("taskruns", "TaskRun"), ("pipelines", "Pipeline"), ("customruns", "CustomRun")]
)
def test_a_listener_creates_no_other_kind(listener: Any, plural: str, kind: str) -> None:
    body = {
        "apiVersion": "tekton.dev/v1",
        "kind": kind,
        "metadata": {"name": "probe"},
        "spec": {"taskRef": {"name": "stage"}},
    }
    version = "v1beta1" if plural == "customruns" else "v1"
    with pytest.raises(client.ApiException) as answer:
        listener.create_namespaced_custom_object("tekton.dev", version, "staging-ci", plural, body, dry_run="All")
    assert answer.value.status == 403


def test_stagings_listener_starts_nothing_in_production(listener: Any) -> None:
    body = _started("production", "closed_merged")
    with pytest.raises(client.ApiException) as answer:
        listener.create_namespaced_custom_object("tekton.dev", "v1", "production-ci", "pipelineruns", body, dry_run="All")
    assert answer.value.status == 403


# The deployer


def container(**fields: Any) -> Object:
    """A change of the application's container."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "app"} | fields]}}}}


@pytest.fixture(scope="module", params=["staging", "production"])
def patch(request: pytest.FixtureRequest, world: World) -> Callable[[Object], Any]:
    """Change an environment's Deployment as its deployer, and take it back."""
    environment: str = request.param
    apps: Any = client.AppsV1Api(world.as_account(f"{environment}-ci", "deployer"))

    def patched(body: Object) -> Any:
        return apps.patch_namespaced_deployment(
            DEPLOYMENT, environment, body, dry_run="All", field_manager="tekton-delivery"
        )

    patched.policy = f"{environment}-deploys"  # type: ignore[attr-defined]
    return patched


def test_a_deployer_changes_the_image_by_digest_and_the_projects_annotations(patch: Callable[[Object], Any]) -> None:
    note = {"metadata": {"annotations": {"tekton-delivery/commit": SHA, "tekton-delivery/before": None}}}
    changed = patch(container(image=IMAGE) | note)
    assert changed.spec.template.spec.containers[0].image == IMAGE
    assert changed.metadata.annotations["tekton-delivery/commit"] == SHA


def test_a_deployer_may_return_to_the_placeholder(patch: Callable[[Object], Any]) -> None:
    placeholder = (IMAGE_REFS / "tools").read_text().strip()
    assert patch(container(image=placeholder)).spec.template.spec.containers[0].image == placeholder


TEMPLATE = ("spec", "template")
POD = (*TEMPLATE, "spec")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(container(image=f"registry.internal:5000/other@{DIGEST}"), "digest", id="other-repository"),
        pytest.param(container(image=f"quarantine.internal:5001/chespirito@{DIGEST}"), "digest", id="quarantine"),
        pytest.param(container(image=f"registry.internal:5000/chespirito/more@{DIGEST}"), "digest", id="below"),
        pytest.param(container(image="registry.internal:5000/chespirito:main"), "digest", id="tag"),
        pytest.param(container(image=f"registry.internal:5000/chespirito:main@{DIGEST}"), "digest", id="tag-and-digest"),
        pytest.param(container(image="registry.internal:5000/chespirito@sha256:abc"), "digest", id="short"),
        pytest.param(container(env=[{"name": "LD_PRELOAD", "value": "x"}]), "image", id="env"),
        pytest.param(container(command=["sh"]), "image", id="command"),
        pytest.param(container(securityContext={"runAsUser": 1}), "image", id="security-context"),
        pytest.param(container(resources={"limits": {"memory": "1Gi"}}), "image", id="resources"),
        pytest.param(container(imagePullPolicy="Always"), "image", id="pull-policy"),
        pytest.param(container(name="more", image=IMAGE), "image", id="container"),
        pytest.param(put(*POD, "initContainers", value=[{"name": "a", "image": "b"}]), "image", id="init-container"),
        pytest.param(
            put(*POD, "volumes", value=[{"name": "a", "secret": {"secretName": "registry-pull"}}]), "image", id="volume"
        ),
        pytest.param(put(*POD, "serviceAccountName", value="default"), "image", id="service-account"),
        pytest.param(put(*POD, "automountServiceAccountToken", value=True), "image", id="token"),
        pytest.param(put(*POD, "hostNetwork", value=True), "image", id="host-network"),
        pytest.param(put(*POD, "nodeSelector", value={"a": "b"}), "image", id="node"),
        pytest.param(put(*TEMPLATE, "metadata", "labels", value={"a": "b"}), "image", id="template-label"),
        pytest.param(
            put(*TEMPLATE, "metadata", "annotations", value={"tekton-delivery/a": "b"}), "image", id="template-note"
        ),
        pytest.param(put("spec", "replicas", value=0), "image", id="replicas"),
        pytest.param(put("spec", "paused", value=True), "image", id="paused"),
        pytest.param(put("spec", "strategy", value={"type": "Recreate", "rollingUpdate": None}), "image", id="strategy"),
        pytest.param(put("metadata", "labels", value={"a": "b"}), "metadata", id="label"),
        pytest.param(put("metadata", "labels", value={"app.kubernetes.io/part-of": None}), "metadata", id="label-off"),
        pytest.param(put("metadata", "finalizers", value=["example.org/stay"]), "metadata", id="finalizer"),
        pytest.param(put("metadata", "annotations", value={"stolen": "yes"}), "annotations", id="annotation"),
        pytest.param(
            put("metadata", "annotations", value={"deployment.kubernetes.io/revision": None}),
            "annotations",
            id="annotation-off",
        ),
    ],
)
def test_a_deployer_changes_nothing_else(patch: Callable[[Object], Any], body: Any, says: str) -> None:
    if callable(body):
        change: Object = {}
        body(change)
        body = change
    told = refused(lambda: patch(body), patch.policy)  # type: ignore[attr-defined]
    assert says in told


def test_a_deployer_changes_of_a_lease_only_who_holds_it(world: World) -> None:
    leases: Any = client.CoordinationV1Api(world.as_account("staging-ci", "deployer"))

    def replace(change: Callable[[Any], None]) -> Any:
        lease = leases.read_namespaced_lease(DEPLOYMENT, "staging")
        change(lease)
        return leases.replace_namespaced_lease(DEPLOYMENT, "staging", lease, dry_run="All")

    held = replace(lambda lease: setattr(lease, "spec", client.V1LeaseSpec(holder_identity="probe")))
    assert held.spec.holder_identity == "probe"
    for field, value in (("labels", {"a": "b"}), ("annotations", {"a": "b"}), ("finalizers", ["example.org/stay"])):
        told = refused(
            lambda field=field, value=value: replace(lambda lease: setattr(lease.metadata, field, value)),  # type: ignore[misc]
            "staging-leases",
        )
        assert "metadata of a Lease" in told


# The supervisor


@pytest.fixture
def waiting(world: World, run: Object) -> Iterator[str]:
    """A run that was asked to wait before it starts anything; its name."""
    name = f"probe-{uuid.uuid4().hex[:8]}"
    body = copy.deepcopy(run) | {"metadata": {"name": name, "labels": {"probe": "yes"}}}
    body["spec"]["status"] = "PipelineRunPending"
    world.kubernetes.custom.create_namespaced_custom_object(*RUNS, body)
    yield name
    world.kubernetes.custom.delete_namespaced_custom_object(*RUNS, name)


def test_a_supervisor_cancels_and_changes_nothing_else(world: World, waiting: str) -> None:
    supervisor: Any = client.CustomObjectsApi(world.as_account("staging-ci", "supervisor"))

    def change(body: Object) -> Any:
        return supervisor.patch_namespaced_custom_object(*RUNS, waiting, body, dry_run="All")

    cancel = {"spec": {"status": CANCELLED}}
    assert change(cancel)["spec"]["status"] == CANCELLED
    for body in (
        {"spec": {"params": [{"name": "pull-request", "value": "2"}]}},
        {"spec": {"taskRunTemplate": {"serviceAccountName": "deployer"}}},
        {"spec": {"status": ""}},
        {"spec": {"status": "StoppedRunFinally"}},
        cancel | {"metadata": {"labels": {"tekton-delivery/pull-request": "2"}}},
        cancel | {"metadata": {"finalizers": ["example.org/stay"]}},
        cancel | {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]}},
    ):
        refused(lambda body=body: change(body), "staging-cancellations")  # type: ignore[misc]
