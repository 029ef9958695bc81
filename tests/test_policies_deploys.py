"""Admission policies on deploys: a deployer changes image and notes of what is not held, and who holds a Lease."""

import copy
from typing import Any

import pytest

from tests.admission import refusals
from tests.support import STACKS, Declared, Object
from tests.test_routing import SHA

DEPLOYERS = {name: f"system:serviceaccount:{name}-ci:deployer" for name in STACKS}
IMAGE = f"registry.internal:5000/chespirito@sha256:{'a' * 64}"


def deployment(stack: Declared) -> Object:
    """The Deployment as the API server hands it over."""
    made = copy.deepcopy(stack.one("Deployment"))
    made["metadata"] |= {"resourceVersion": "1", "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "1"}}
    return made


def deploy(stack: Declared, new: Object, old: Object | None = None) -> list[str]:
    name = stack.recording.stack
    policy = f"tekton-delivery-{name}-deploys"
    return refusals(stack, policy, new, old=old or deployment(stack), user=DEPLOYERS[name])


def test_a_deployer_changes_image_and_annotations(single: Declared) -> None:
    new = deployment(single)
    new["metadata"] |= {"resourceVersion": "2", "generation": 2}
    new["metadata"]["annotations"]["tekton-delivery/commit"] = SHA
    new["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    assert deploy(single, new) == []


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.replace("chespirito", "other"),
        IMAGE.replace("registry.internal", "registry.example"),
        IMAGE.split("@")[0] + ":main",
        IMAGE[:-1],
        IMAGE + "\n",
        "x@" + IMAGE,
        "",
    ],
)
def test_a_deployer_runs_nothing_but_the_applications_digests(single: Declared, image: str) -> None:
    new = deployment(single)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert deploy(single, new) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replicas"), 0),
        (("spec", "template", "spec", "serviceAccountName"), "default"),
        (("spec", "template", "spec", "containers", 0, "env"), []),
        (("spec", "template", "spec", "containers", 0, "command"), ["sh"]),
        (("spec", "template", "spec", "hostNetwork"), True),
        (("spec", "template", "metadata", "annotations"), {"a": "b"}),
        (("metadata", "labels", "a"), "b"),
        (("metadata", "annotations", "a"), "b"),
        (("metadata", "annotations"), {}),
        (("metadata", "ownerReferences"), [{}]),
    ],
    ids=lambda value: ".".join(str(part) for part in value) if isinstance(value, tuple) else "",
)
def test_a_deployer_changes_nothing_else(single: Declared, path: tuple[Any, ...], value: Any) -> None:
    new = deployment(single)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    item: Any = new
    for part in path[:-1]:
        item = item[part]
    item[path[-1]] = value
    assert len(deploy(single, new)) == 1


HELD = '{"by":"ana","reason":"by hand","since":"2026-11-22T12:00:00Z"}'
HELD_FOR = '{"by":"ana","reason":"by hand","since":"2026-11-22T12:00:00Z","pullRequest":"7"}'


def with_hold(stack: Declared, hold: str | None, image: str | None = None) -> Object:
    made = deployment(stack)
    made["metadata"]["annotations"] |= {"tekton-delivery/hold": hold} if hold else {}
    made["spec"]["template"]["spec"]["containers"][0] |= {"image": image} if image else {}
    return made


@pytest.mark.parametrize(("old", "new"), [(None, HELD), (HELD, None), (HELD, HELD_FOR), (HELD_FOR, HELD)])
def test_a_deployer_neither_sets_nor_lifts_a_hold(single: Declared, old: str | None, new: str | None) -> None:
    refused = deploy(single, with_hold(single, new, IMAGE), with_hold(single, old, IMAGE))
    assert refused == ["the deployer neither sets nor lifts a hold"]


def test_a_deployer_leaves_a_held_image_alone(single: Declared) -> None:
    noted = with_hold(single, HELD, IMAGE)
    noted["metadata"]["annotations"]["tekton-delivery/before"] = "[]"
    assert deploy(single, noted, with_hold(single, HELD, IMAGE)) == []
    other = IMAGE.replace("a" * 64, "b" * 64)
    (refused,) = deploy(single, with_hold(single, HELD, other), with_hold(single, HELD, IMAGE))
    assert "held Deployment" in refused
    assert deploy(single, with_hold(single, HELD_FOR, other), with_hold(single, HELD_FOR, IMAGE)) == [], "for its own update"


def test_a_deployer_adds_no_container(single: Declared) -> None:
    new = deployment(single)
    containers = new["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = IMAGE
    containers.append(containers[0] | {"name": "more"})
    assert deploy(single, new) != []


def test_a_lease_changes_hands_and_nothing_else(single: Declared) -> None:
    policy, user = f"tekton-delivery-{single.recording.stack}-leases", DEPLOYERS[single.recording.stack]
    old = {"metadata": {"name": "chespirito-pod", "labels": {"a": "b"}}, "spec": {}}
    assert refusals(single, policy, old | {"spec": {"holderIdentity": "x"}}, old=old, user=user) == []
    assert refusals(single, policy, old | {"metadata": {"name": "chespirito-pod"}}, old=old, user=user) != []
