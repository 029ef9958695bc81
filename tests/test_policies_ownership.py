"""Admission policies on deploys: who owns a field of what a deployer writes, as the API server keeps it (managedFields)."""

import copy
from typing import Any

import pytest

from tests.support import Declared, Object
from tests.test_policies_deploys import IMAGE, OTHER, deploy, lease, noted

MINE = "tekton-delivery"
STACKS_OWN = "pulumi-kubernetes-0123abcd"


def entry(manager: str, fields: Object, operation: str = "Update", **more: str) -> Object:
    made = {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    return made | {"time": "2026-11-22T12:00:00Z", "fieldsV1": fields} | more


def fields(*annotations: str, image: bool = False, spec: Object | None = None, container: Object | None = None) -> Object:
    """What an entry has, as the API server writes it: nothing where there is nothing."""
    made: Object = {}
    if annotations:
        made["f:metadata"] = {"f:annotations": {f"f:{name}": {} for name in annotations}}
    inner = (container or {}) | ({"f:image": {}} if image else {})
    if inner or spec:
        made["f:spec"] = dict(spec or {})
    if inner:
        made["f:spec"]["f:template"] = {"f:spec": {"f:containers": {'k:{"name":"app"}': inner}}}
    return made


DECLARED = {"spec": {"f:replicas": {}}, "container": {".": {}, "f:name": {}, "f:env": {'k:{"name":"A"}': {".": {}}}}}
LABELS = {"f:labels": {"f:app.kubernetes.io/name": {}}}


def of_the_stack(*, image: bool = False, labels: Object = LABELS) -> Object:
    made = fields(image=image, **DECLARED)  # type: ignore[arg-type]
    return entry(STACKS_OWN, made | {"f:metadata": copy.deepcopy(labels)}, "Apply")


CONTROLLER = [
    entry("kube-controller-manager", fields("deployment.kubernetes.io/revision")),
    entry("kube-controller-manager", {"f:status": {"f:replicas": {}}}, subresource="status"),
]
HOLD, COMMIT = "tekton-delivery/hold", "tekton-delivery/commit"
BEFORE = [of_the_stack(), *CONTROLLER, entry(MINE, fields(HOLD, image=True))]


def owned(stack: Declared, image: str, entries: list[Any] | None) -> Object:
    made = noted(stack, image)
    made["metadata"] |= {"managedFields": copy.deepcopy(entries)} if entries is not None else {}
    return made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BEFORE, BEFORE),
        (BEFORE, [*BEFORE[:-1], entry(MINE, fields(HOLD, COMMIT, image=True), time="2026-11-22T13:00:00Z")]),
        ([of_the_stack(image=True), *CONTROLLER], [of_the_stack(), *CONTROLLER, entry(MINE, fields(image=True))]),
        (
            [*BEFORE[:-1], entry("kubectl-set", fields(image=True)), entry("kubectl-annotate", fields(COMMIT, "more"))],
            [*BEFORE[:-1], entry("kubectl-annotate", fields("more")), entry(MINE, fields(COMMIT, image=True))],
        ),
        (BEFORE, [entry(MINE, fields(image=True)), *BEFORE[:-1]]),
        (None, [entry(MINE, fields(image=True))]),
    ],
    ids=["nothing", "a-note", "the-first", "by-hand", "fewer-notes", "none-before"],
)
def test_what_a_deployer_changes_it_takes(single: Declared, old: list[Any] | None, new: list[Any]) -> None:
    assert deploy(single, owned(single, IMAGE, new), owned(single, OTHER, old)) == []


NEVER = "the deployer gives nobody a field to own, and takes none but by changing it (managedFields)"


@pytest.mark.parametrize(
    "new",
    [
        # `pulumi up` would remove the hold.
        [of_the_stack(labels=LABELS | fields(HOLD)["f:metadata"]), *BEFORE[1:]],
        [*BEFORE, entry(STACKS_OWN, fields(HOLD), "Apply", apiVersion="apps/v2")],
        [*BEFORE, entry(STACKS_OWN, fields(HOLD), "Apply", subresource="scale")],
        [*BEFORE[:-1], entry(STACKS_OWN, fields(HOLD)), BEFORE[-1]],
        # Pulumi's provider takes over what kubectl has.
        [*BEFORE, entry("kubectl-edit", fields(HOLD))],
        [*BEFORE, entry(MINE, fields(HOLD), "Apply")],
        # ... would put the image back, or end in a conflict.
        [of_the_stack(image=True), *BEFORE[1:]],
        [*BEFORE[:-1], entry(MINE, fields(HOLD))],
        BEFORE[:-1],
        [*BEFORE[:-1], entry(MINE, fields(HOLD, image=True, spec={"f:replicas": {}}))],
        [*BEFORE[:-1], entry(MINE, fields(HOLD, image=True, container={"f:env": {}}))],
        [*BEFORE[:-1], entry(MINE, fields(HOLD, image=True) | {"f:data": {}})],
        [of_the_stack(labels={}), *BEFORE[1:]],
        BEFORE[1:],
        [BEFORE[0], BEFORE[1], BEFORE[3]],
        [],
        None,
    ],
)
def test_a_deployer_moves_no_ownership(single: Declared, new: list[Any] | None) -> None:
    assert deploy(single, owned(single, IMAGE, new), owned(single, IMAGE, BEFORE)) == [NEVER]


LEASES_OWN = entry(STACKS_OWN, {"f:metadata": {"f:annotations": {"f:tekton-delivery/lease-seconds": {}}}}, "Apply")


def leased(*entries: Object) -> Object:
    made = [entry | {"apiVersion": "coordination.k8s.io/v1"} for entry in entries]
    return {"metadata": {"name": "chespirito-pod", "managedFields": made}, "spec": {}}


def test_nor_of_a_lease(single: Declared) -> None:
    held = {"f:spec": {"f:holderIdentity": {}, "f:renewTime": {}}}
    before = leased(LEASES_OWN, entry("kubectl-edit", {"f:spec": {"f:leaseTransitions": {}, "f:holderIdentity": {}}}))
    assert lease(single, leased(LEASES_OWN, entry(MINE, held)), before) == []
    assert lease(single, leased(LEASES_OWN, entry(MINE, held)), leased(LEASES_OWN)) == []
    for new in (
        [LEASES_OWN | {"fieldsV1": LEASES_OWN["fieldsV1"] | held}],
        [LEASES_OWN, entry("kubectl", held)],
        [entry(MINE, held)],
        [LEASES_OWN, entry(MINE, held | LEASES_OWN["fieldsV1"])],
        [],
    ):
        assert lease(single, leased(*new), leased(LEASES_OWN)) == [NEVER]
