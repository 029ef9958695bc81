"""What a stolen token of a deployer may not do, although RBAC lets its verbs through.

Everything is tried with the identity's own token as a dry run: it goes through admission, and changes nothing.
"""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

from local.demo import DEPLOYMENT
from local.kubernetes_api import Object
from local.paths import IMAGE_REFS
from tests.e2e.admission import SHA, put, refused
from tests.e2e.world import World

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry.internal:5000/chespirito@{DIGEST}"


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


def test_a_deployer_makes_nobody_own_a_field(world: World, patch: Callable[[Object], Any]) -> None:
    """What `pulumi up` owns and does not declare, it removes: a hold for example."""
    environment = patch.policy.removesuffix("-deploys")  # type: ignore[attr-defined]
    apps: Any = client.AppsV1Api(world.as_account(f"{environment}-ci", "deployer"))
    live = world.kubernetes.api.sanitize_for_serialization(world.deployment(environment))
    entries = live["metadata"]["managedFields"]
    (declared,) = [entry for entry in entries if entry["operation"] == "Apply"]
    note = {"metadata": {"annotations": {"tekton-delivery/commit": SHA}}}

    def moved(*kept: Object) -> Object:
        return {"metadata": note["metadata"] | {"managedFields": list(kept)}}

    metadata = declared["fieldsV1"]["f:metadata"]
    grown = declared | {
        "fieldsV1": declared["fieldsV1"]
        | {"f:metadata": metadata | {"f:annotations": {"f:tekton-delivery/hold": {}, "f:tekton-delivery/commit": {}}}}
    }
    others = [entry for entry in entries if entry is not declared]
    about = {name: live["metadata"][name] for name in ("name", "labels")} | note["metadata"]
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": live["spec"]}

    def change(body: Object, manager: str = "tekton-delivery", **more: Any) -> Any:
        kind = {"_content_type": "application/merge-patch+json"} | more
        return apps.patch_namespaced_deployment(DEPLOYMENT, environment, body, dry_run="All", field_manager=manager, **kind)

    assert change(note).metadata.annotations["tekton-delivery/commit"] == SHA, "the control"
    assert change(moved(*entries)).metadata.annotations["tekton-delivery/commit"] == SHA, "what a replace sends"
    apply = {"_content_type": "application/apply-patch+yaml", "force": True}
    attempts: list[Callable[[], Any]] = [
        lambda: change(note, declared["manager"]),
        lambda: change(note, "kubectl-edit"),
        lambda: change(applied, declared["manager"], **apply),
        lambda: change(applied, **apply),
        lambda: change(moved(grown, *others)),
        lambda: change(moved(*others)),
        lambda: change(moved({})),
        lambda: change(moved(*others, declared | {"fieldsV1": {"f:spec": {"f:replicas": {}}}})),
    ]
    for attempt in attempts:
        assert "gives nobody a field to own" in refused(attempt, patch.policy)  # type: ignore[attr-defined]


def test_a_deployer_changes_of_a_lease_only_who_holds_it(world: World) -> None:
    leases: Any = client.CoordinationV1Api(world.as_account("staging-ci", "deployer"))

    def replace(change: Callable[[Any], None]) -> Any:
        lease = leases.read_namespaced_lease(DEPLOYMENT, "staging")
        change(lease)
        return leases.replace_namespaced_lease(DEPLOYMENT, "staging", lease, dry_run="All", field_manager="tekton-delivery")

    def hold(**spec: Any) -> Any:
        return replace(lambda lease: setattr(lease, "spec", client.V1LeaseSpec(**spec)))

    assert hold(holder_identity="probe", lease_duration_seconds=150).spec.holder_identity == "probe"
    assert hold().spec.holder_identity is None
    for spec, says in (
        (
            {"holder_identity": "probe", "lease_duration_seconds": 2**31 - 1},
            "no longer than rollout, smoke check and way back",
        ),
        ({"holder_identity": "probe"}, "no longer than rollout, smoke check and way back"),
        ({"holder_identity": "rollback by ana", "lease_duration_seconds": 150}, "in the name of a run"),
    ):
        assert says in refused(lambda spec=spec: hold(**spec), "staging-leases")  # type: ignore[misc]
    for field, value in (("labels", {"a": "b"}), ("annotations", {"a": "b"}), ("finalizers", ["example.org/stay"])):
        told = refused(
            lambda field=field, value=value: replace(lambda lease: setattr(lease.metadata, field, value)),  # type: ignore[misc]
            "staging-leases",
        )
        assert "metadata of a Lease" in told
