"""Admission policies on deploys: a deployer changes image and notes of what is not held, and who holds a Lease."""

import copy
import json
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


def deploy(stack: Declared, new: Object, old: Object | None = None, pod: str = "") -> list[str]:
    name = stack.recording.stack
    policy = f"tekton-delivery-{name}-deploys"
    return refusals(stack, policy, new, old=old or deployment(stack), user=DEPLOYERS[name], pod=pod)


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


@pytest.mark.parametrize(
    ("pod", "allowed"),
    [
        ("chespirito-{}-7-0123abcd-20261122120000-stage-pod", True),
        ("chespirito-{}-7-closed-20261122120000-restore-pod-retry1", True),
        ("chespirito-{}-8-0123abcd-20261122120000-stage-pod", False),
        ("chespirito-{}-77-0123abcd-20261122120000-stage-pod", False),
        ("other-{}-7-0123abcd-20261122120000-stage-pod", False),
        ("", False),
    ],
)
def test_what_is_held_for_a_pull_request_changes_by_its_own_runs(single: Declared, pod: str, allowed: bool) -> None:
    """A token that was stolen from another one's pod, or made anew, changes nothing."""
    other, pod = IMAGE.replace("a" * 64, "b" * 64), pod.format(single.recording.stack)
    refused = deploy(single, with_hold(single, HELD_FOR, other), with_hold(single, HELD_FOR, IMAGE), pod)
    assert (refused == []) is allowed
    assert len(deploy(single, with_hold(single, HELD, other), with_hold(single, HELD, IMAGE), pod)) == 1, "held for nobody"


def test_of_a_long_name_what_is_left_has_to_agree(single: Declared) -> None:
    """Kubernetes' names have 63 characters: Tekton puts a hash in the place of what is too much."""
    start = f"chespirito-{single.recording.stack}-7-0123abcd"[:23]
    held = with_hold(single, HELD_FOR.replace('"7"', '"7000000000"'), IMAGE)
    new = with_hold(single, HELD_FOR.replace('"7"', '"7000000000"'), IMAGE.replace("a" * 64, "b" * 64))
    assert deploy(single, new, held, start.ljust(59, "f") + "-pod") == []
    assert len(deploy(single, new, held, start.ljust(58, "f") + "-pod")) == 1
    assert len(deploy(single, new, held, "other".ljust(59, "f") + "-pod")) == 1


def noted(stack: Declared, image: str = IMAGE, **notes: str | None) -> Object:
    made = with_hold(stack, None, image)
    given = {f"tekton-delivery/{name.replace('_', '-')}": value for name, value in notes.items() if value is not None}
    made["metadata"]["annotations"] |= given
    return made


def entry(image: str = IMAGE, **more: Any) -> str:
    """An entry of the history as deliveries write it."""
    return json.dumps({"image": image, "commit": SHA, "pullRequest": "7"} | more, separators=(",", ":"), ensure_ascii=False)


OTHER = IMAGE.replace("a" * 64, "b" * 64)
PEOPLE = ["ACME\\ana", "b@c"]
MARK = {"repository": "acme/chespirito", "tree": SHA, "paths": {"a/ü": SHA, "b": None}, "digest": IMAGE.split("@")[1]}
OLD_ENTRY = '{"image":"anything","reason":"caf\\u00e9 \\"},{\\"","rolledBackBy":"ana"}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, f"[{entry()}]"),
        ("[]", f"[{entry()}]"),
        (f"[{OLD_ENTRY}]", f"[{OLD_ENTRY},{entry()}]"),
        ('[{"image": "by hand"} ]', f'[{{"image": "by hand"}} ,{entry()}]'),
        (f"[{','.join([OLD_ENTRY] * 20)}]", f"[{','.join([OLD_ENTRY] * 19)},{entry()}]"),
        (f"[{OLD_ENTRY}]", f"[{OLD_ENTRY}]"),
        (None, f"[{entry(mark=MARK, mergedBy='bot[bot]', approvedBy=PEOPLE, run='r', at='2026')}]"),
        (None, f'[{{"image":"{IMAGE}","run":"r","at":"2026"}}]'),
    ],
    ids=["first", "empty", "next", "by-hand", "oldest-goes", "same", "all", "placeholder"],
)
def test_a_deployer_adds_what_runs_to_the_history(single: Declared, old: str | None, new: str) -> None:
    assert deploy(single, noted(single, history=new), noted(single, history=old)) == []


DEEP = {"a": {"b": {"c": "d"}}}
TWENTY = f"[{','.join([OLD_ENTRY] * 20)}]"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, f"[{entry(OTHER)}]"),
        (None, f"[{entry(IMAGE.replace('chespirito@', 'evil@'))}]"),
        (None, f"[{entry('registry.example/evil@sha256:' + 'a' * 64)}]"),
        (None, f"[{entry()},{entry()}]"),
        (None, f"[{OLD_ENTRY},{entry()}]"),
        (f"[{OLD_ENTRY}]", f"[{entry()}]"),
        (f"[{OLD_ENTRY}]", "[]"),
        (f"[{OLD_ENTRY}]", None),
        (f"[{OLD_ENTRY}]", f"[{OLD_ENTRY.replace('ana', 'bob')},{entry()}]"),
        (f"[{OLD_ENTRY}]", f"[{entry()},{OLD_ENTRY}]"),
        (f"[{OLD_ENTRY}]", f"[{OLD_ENTRY}{entry()}]"),
        (TWENTY, f"[{','.join([OLD_ENTRY] * 18)},{entry()}]"),
        (None, f"[{entry(rolledBackBy='ana')}]"),
        (None, f"[{entry(unproven='ana')}]"),
        (None, f'[{entry()[:-1]},"\\u0069mage":"evil"}}]'),
        (None, f'[{entry()[:-1]},"image":"evil"}}]'),
        (None, f"[{entry(mark=DEEP)}]"),
        (None, f"[{entry()}"),
        (None, f"[{entry(mergedBy='x' * 70000)}]"),
        (None, "x"),
    ],
)
def test_a_deployer_writes_nothing_else_there(single: Declared, old: str | None, new: str | None) -> None:
    assert deploy(single, noted(single, history=new), noted(single, history=old)) != []


HAND = "by-hand:latest"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"before": "[]"}),
        ({}, {"before": f'[{{"image":"{OTHER}","commit":null,"pullRequest":null}},{entry()}]'}),
        ({"rolling_out": f'{{"image":"{IMAGE}","former":"{HAND}"}}'}, {"before": f'[{{"image":"{HAND}","commit":null}}]'}),
        ({"before": f'[{{"image":"{HAND}"}},{entry()}]'}, {"before": f'[{{"image":"{HAND}"}}]'}),
    ],
)
def test_a_deployer_notes_what_served_before(single: Declared, old: dict[str, str], new: dict[str, str]) -> None:
    assert deploy(single, noted(single, **new), noted(single, image=HAND, **old)) == []


EVIL = "registry.example/evil@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "new",
    [
        {"before": f'[{{"image":"{EVIL}"}}]'},
        {"before": f'[{{"image" : "{EVIL}"}}]'},
        {"before": f'[{{"\\u0069mage":"{EVIL}"}}]'},
        {"before": '[{"image":"registry.internal:5000/chespirito:latest"}]'},
        {"anything": "else"},
        {"awaits_approval_0": "{}"},
        {"awaits_approval_7": "x" * 5000},
    ],
)
def test_a_deployer_notes_no_other_image_and_nothing_without_end(single: Declared, new: dict[str, str]) -> None:
    assert len(deploy(single, noted(single, **new), noted(single))) == 1
    assert deploy(single, noted(single, awaits_approval_7="{}", commit=SHA), noted(single)) == []


def test_the_name_of_a_run_is_no_image_that_served(single: Declared) -> None:
    live = noted(single, rolling_out=f'{{"image":"{IMAGE}","former":"{OTHER}","run":"evil"}}')
    new = noted(single, rolling_out=live["metadata"]["annotations"]["tekton-delivery/rolling-out"])
    assert deploy(single, new, live) == []
    new["metadata"]["annotations"]["tekton-delivery/before"] = '[{"image":"evil"}]'
    assert deploy(single, new, live) == ["the deployer notes as what served before what is the application's, or ran"]


def test_a_deployer_adds_no_container(single: Declared) -> None:
    new = deployment(single)
    containers = new["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = IMAGE
    containers.append(containers[0] | {"name": "more"})
    assert deploy(single, new) != []


LEASE = {"metadata": {"name": "chespirito-pod", "labels": {"a": "b"}}, "spec": {}}
HOLDS = {"holderIdentity": "run-1-promote", "leaseDurationSeconds": 150, "renewTime": "2026-11-22T12:00:00.000000Z"}


def lease(stack: Declared, new: Object, old: Object = LEASE) -> list[str]:
    name = stack.recording.stack
    return refusals(stack, f"tekton-delivery-{name}-leases", new, old=old, user=DEPLOYERS[name])


def test_a_lease_changes_hands_and_nothing_else(single: Declared) -> None:
    assert lease(single, LEASE | {"spec": HOLDS}) == []
    assert lease(single, LEASE | {"spec": {}}) == []
    assert lease(single, {"metadata": LEASE["metadata"]}) == []
    assert lease(single, LEASE | {"metadata": {"name": "chespirito-pod"}}) != []


@pytest.mark.parametrize(
    "change",
    [
        {"leaseDurationSeconds": 151},
        {"leaseDurationSeconds": 2**31 - 1},
        {"leaseDurationSeconds": None},
        {"holderIdentity": "rollback by ana"},
        {"holderIdentity": "run\n"},
        {"holderIdentity": "\u202erun"},
    ],
)
def test_a_lease_has_an_end_and_is_held_by_a_run(single: Declared, change: Object) -> None:
    spec = {name: value for name, value in (HOLDS | change).items() if value is not None}
    assert len(lease(single, LEASE | {"spec": spec})) == 1


def test_the_stack_says_on_the_lease_how_long_it_is_held(single: Declared) -> None:
    """Where steps and people read it: twice the rollout's minute, and 30 s."""
    assert single.one("Lease")["metadata"]["annotations"] == {"tekton-delivery/lease-seconds": "150"}
