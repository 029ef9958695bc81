"""Admission policies on Jobs before rollouts: a deployer creates those that are declared, and deletes those that failed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.admission import refusals
from tests.support import Object
from tests.test_before_rollout import LABEL, with_migrations

DIGEST = "a" * 64
IMAGE = f"registry.internal:5000/chespirito@sha256:{DIGEST}"
NAME = f"chespirito-{DIGEST[:16]}"
UID = "0f3c"
STACK = "staging"
Change = Callable[[Object], None]


def declared() -> Object:
    return copy.deepcopy(with_migrations(STACK).one("PodTemplate"))


def job(image: str = IMAGE, name: str = NAME) -> Object:
    """A Job as the API server hands it over: with what it adds."""
    pod = declared()["template"]
    pod["spec"]["containers"][0]["image"] = image
    added = {"batch.kubernetes.io/controller-uid": UID, "controller-uid": UID}
    pod["metadata"]["labels"] |= added | {"batch.kubernetes.io/job-name": name, "job-name": name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": STACK,
            "labels": {LABEL: "chespirito"},
            "uid": UID,
            "generation": 1,
            "creationTimestamp": "2026-11-22T12:00:00Z",
            "managedFields": [],
        },
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": False,
            "podReplacementPolicy": "TerminatingOrFailed",
            "backoffLimit": 0,
            "activeDeadlineSeconds": 660,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}},
            "template": pod,
        },
    }


def create(made: Object, old: Object | None = None, account: str = "staging-ci:deployer") -> list[str]:
    """What both policies refuse."""
    stack, user = with_migrations(STACK), f"system:serviceaccount:{account}"
    policies = (f"tekton-delivery-{STACK}-{name}" for name in ("jobs", "job-pods"))
    return [message for policy in policies for message in refusals(stack, policy, made, old=old, user=user)]


def test_a_deployer_creates_the_declared_job_with_an_image_of_the_application() -> None:
    assert create(job()) == []


def put(*path: str | int, value: Any) -> Change:
    def change(item: Any) -> None:
        for part in path[:-1]:
            item = item[part] if isinstance(part, int) else item.setdefault(part, {})
        item[path[-1]] = value

    return change


def drop(*path: str | int) -> Change:
    def change(item: Any) -> None:
        for part in path[:-1]:
            item = item[part]
        del item[path[-1]]

    return change


POD = ("spec", "template", "spec")
APP = (*POD, "containers", 0)


def more(kind: str) -> Change:
    def change(item: Any) -> None:
        pod = item["spec"]["template"]["spec"]
        pod[kind] = [*pod.get(kind, []), {"name": "more", "image": IMAGE}]

    return change


@pytest.mark.parametrize(
    "change",
    [
        put(*APP, "image", value=IMAGE.replace("chespirito", "other")),
        put(*APP, "image", value=IMAGE.split("@")[0] + ":main"),
        put(*APP, "image", value=IMAGE.replace("registry.internal", "registry.example")),
        put(*APP, "image", value=IMAGE.replace("a" * 64, "b" * 64)),
        put(*APP, "image", value=""),
        put(*APP, "command", value=["sh"]),
        put(*APP, "args", value=["sh"]),
        put(*APP, "env", value=[]),
        put(*APP, "envFrom", value=[{"secretRef": {"name": "registry-pull"}}]),
        put(*APP, "securityContext", "runAsUser", value=0),
        put(*APP, "terminationMessagePolicy", value="File"),
        put(*APP, "volumeMounts", value=[]),
        put(*POD, "serviceAccountName", value="default"),
        put(*POD, "automountServiceAccountToken", value=True),
        put(*POD, "volumes", value=[{"name": "node", "hostPath": {"path": "/"}}]),
        put(*POD, "hostNetwork", value=True),
        put(*POD, "nodeName", value="node"),
        put(*POD, "restartPolicy", value="OnFailure"),
        put(*POD, "activeDeadlineSeconds", value=100_000),
        drop(*POD, "activeDeadlineSeconds"),
        more("containers"),
        more("initContainers"),
        more("ephemeralContainers"),
        put(*POD, "containers", value=[]),
        put("spec", "template", "metadata", "labels", "app.kubernetes.io/name", value="chespirito"),
        put("spec", "template", "metadata", "annotations", value={"a": "b"}),
        put("spec", "template", "metadata", "finalizers", value=["a/b"]),
        drop("spec", "template", "metadata", "labels", LABEL),
        put("spec", "template", "more", value={}),
        put("spec", "backoffLimit", value=6),
        put("spec", "parallelism", value=9),
        put("spec", "completions", value=9),
        put("spec", "activeDeadlineSeconds", value=100_000),
        drop("spec", "activeDeadlineSeconds"),
        drop("spec", "backoffLimit"),
        put("spec", "ttlSecondsAfterFinished", value=0),
        put("spec", "suspend", value=True),
        put("spec", "manualSelector", value=True),
        put("spec", "podFailurePolicy", value={"rules": []}),
        put("spec", "managedBy", value="example.org/me"),
        put("metadata", "name", value="chespirito-" + "b" * 16),
        put("metadata", "name", value="other-" + "a" * 16),
        put("metadata", "labels", LABEL, value="other"),
        put("metadata", "labels", "more", value="x"),
        put("metadata", "labels", value={}),
        drop("metadata", "labels"),
        put("metadata", "annotations", value={"a": "b"}),
        put("metadata", "ownerReferences", value=[{}]),
        put("metadata", "finalizers", value=["a/b"]),
        put("metadata", "generateName", value="x-"),
    ],
)
def test_a_deployer_creates_no_other_job(change: Change) -> None:
    made = job()
    change(made)
    assert create(made) != []


def test_a_deployer_changes_no_job() -> None:
    assert create(job(), old=job()) != []


def test_others_make_the_jobs_that_they_like() -> None:
    made = job()
    put(*APP, "command", value=["sh"])(made)
    assert create(made, account="staging:somebody") == []
    assert create(made) != []


def ended(kind: str | None, label: str | None = "chespirito") -> Object:
    made = job()
    made["metadata"]["labels"] = {LABEL: label} if label else {}
    made["status"] = {"conditions": [{"type": kind, "status": "True"}]} if kind else {"active": 1}
    return made


@pytest.mark.parametrize(
    ("account", "policy", "made", "allowed"),
    [
        ("deployer", "job-deletions", ("Failed",), True),
        ("deployer", "job-deletions", ("Complete",), False),
        ("deployer", "job-deletions", ("FailureTarget",), False),
        ("deployer", "job-deletions", (None,), False),
        ("deployer", "job-deletions", ("Failed", None), False),
        ("pruner", "job-prunings", ("Failed",), True),
        ("pruner", "job-prunings", ("Complete",), True),
        ("pruner", "job-prunings", (None,), False),
        ("pruner", "job-prunings", ("Complete", None), False),
    ],
)
def test_what_may_be_deleted(account: str, policy: str, made: tuple[str | None, ...], allowed: bool) -> None:
    """One that succeeded is why a digest gets no other: who holds a deployer's token cannot have it run twice."""
    user = f"system:serviceaccount:{STACK}-ci:{account}"
    found = refusals(with_migrations(STACK), f"tekton-delivery-{STACK}-{policy}", ended(*made), user=user, deleted=True)
    assert (found == []) is allowed
