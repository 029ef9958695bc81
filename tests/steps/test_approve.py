"""Approvals: nothing goes on before enough people have approved this very digest, and the wait has an end."""

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from steps.approve import Approval, Waiting
from steps.inputs import read
from steps.kubernetes import Access, Kubernetes
from steps.rollout import Target
from tests.steps.api import Cluster
from tests.steps.conftest import Result, Sandbox

DIGEST = "sha256:" + "b" * 64
IMAGE = "registry.internal:5000/shop@" + DIGEST
NOTE = "awaits-approval-7"


@pytest.fixture
def cluster(sandbox: Sandbox) -> Cluster:
    return sandbox.serve(image="old")


def approval(by: str, digest: str = DIGEST) -> dict[str, Any]:
    return {"data": {"digest": digest, "approver": by}}


def approvals(version: str, *given: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version}, "items": list(given)}


def approve(sandbox: Sandbox, *given: dict[str, Any], count: int = 1, seconds: int = 0, **changed: str) -> Result:
    assert sandbox.cluster
    sandbox.cluster.put("approvals.json", approvals("1", *given))
    return waiting(sandbox, count, seconds, **changed)


def waiting(sandbox: Sandbox, count: int = 1, seconds: int = 0, **changed: str) -> Result:
    return sandbox.part(wait, **environment(sandbox, count, seconds) | changed)


def wait(env: Mapping[str, str]) -> None:
    """What the step that promotes does once an image is proven."""
    with Kubernetes(read(Access, env)) as api:
        approval = read(Approval, env)
        Waiting(api, read(Target, env), approval, commit="a" * 40, merged_by="alice").wait(IMAGE)


def environment(sandbox: Sandbox, count: int, seconds: int) -> dict[str, str | Path]:
    return {
        "PARAM_PULL_REQUEST": "7",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_RUN": "shop-production-7",
        "PARAM_CONTAINER": "app",
        "PARAM_TIMEOUT": "60s",
        "ROLLOUT_SECONDS": "60",
        "RUN": "shop-production-7-promote",
        "RUN_UID": "uid",
        "NAMESPACE": "production",
        "APPROVALS_NAMESPACE": "production-ci",
        "APPROVERS": "ana, group releasers",
        "APPROVAL_COUNT": str(count),
        "APPROVAL_TIMEOUT": "30m",
        "APPROVAL_SECONDS": str(seconds),
        "RESULT_REASON_PATH": sandbox.root / "reason",
    }


def test_enough_approvals_let_it_go_on_and_are_handed_on(sandbox: Sandbox, cluster: Cluster) -> None:
    result = approve(sandbox, approval("bob"), approval("ana"), count=2)
    assert result.code == 0, result.err
    assert 'by ["ana","bob"]' in result.out
    assert cluster.paths == ["/api/v1/namespaces/production-ci/configmaps"]
    assert cluster.queries == [{"labelSelector": "tekton-delivery/approval=shop-pod"}]


@pytest.mark.parametrize(
    "given",
    [[], [approval("ana")], [approval("ana"), approval("ana")], [approval("ana"), approval("bob", "sha256:" + "c" * 64)]],
    ids=["none", "one", "one-person-twice", "another-digest"],
)
def test_too_few_are_refused_after_a_while(sandbox: Sandbox, cluster: Cluster, given: list[dict[str, Any]]) -> None:
    assert approve(sandbox, *given, count=2).code == 1
    count = 1 if given else 0
    told = f"refused: {count} of 2 approvals came within 30m, asked for from ana, group releasers"
    assert (sandbox.root / "reason").read_text() == told


def test_what_waits_is_noted_for_people_and_forgotten_at_the_end(sandbox: Sandbox, cluster: Cluster) -> None:
    assert approve(sandbox, seconds=2).code == 1
    notes = cluster.get("meanwhile.json")["metadata"]["annotations"]
    waiting = json.loads(notes[f"tekton-delivery/{NOTE}"])
    assert waiting.pop("until").endswith("Z")
    assert waiting == {
        "digest": DIGEST,
        "commit": "a" * 40,
        "pullRequest": "7",
        "mergedBy": "alice",
        "run": "shop-production-7",
        "taskRun": "shop-production-7-promote",
        "taskRunUid": "uid",
        "count": 1,
    }
    assert NOTE not in cluster.notes


def other(until: float) -> str:
    return json.dumps({"run": "other", "until": datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})


def waits(cluster: Cluster) -> set[str]:
    """The pull requests that were noted to wait, as the step looked last."""
    notes = cluster.get("meanwhile.json")["metadata"]["annotations"]
    return {name.rpartition("-")[2] for name in notes if "awaits-approval" in name}


@pytest.mark.parametrize(
    ("ends_in", "goes"),
    [(None, "100"), (-60, "100"), (10**6, "100"), (50, "119")],
    ids=["unreadable", "over", "later-than-any", "others-end-first"],
)
def test_forged_notes_leave_room_for_its_own(sandbox: Sandbox, ends_in: int | None, goes: str) -> None:
    """The admission policy lets 20 in."""
    now = time.time()
    there = {str(number): other(now + 10 + 120 - number) for number in range(101, 120)}
    there["100"] = "not what a run notes" if ends_in is None else other(now + ends_in)
    cluster = sandbox.serve(
        image="old",
        notes={f"tekton-delivery/awaits-approval-{number}": text for number, text in there.items()} | {"mine": "stays"},
    )
    assert approve(sandbox, seconds=2).code == 1
    assert waits(cluster) == ({"7"} | set(there)) - {goes}
    assert cluster.notes["mine"] == "stays"


def test_a_note_that_somebody_took_away_is_made_again(sandbox: Sandbox, cluster: Cluster) -> None:
    assert approve(sandbox, seconds=3).code == 1
    assert cluster.verbs().count("PATCH deployment") == 2, "it is there, and stays"
    bare = cluster.get("live.json")
    with (
        mock.patch("steps.approve._WATCHED", 0.1),
        mock.patch.object(cluster, "watched", side_effect=lambda *_: cluster.put("live.json", bare)),
    ):
        assert approve(sandbox, seconds=2).code == 1
    assert cluster.verbs().count("PATCH deployment") > 4


def test_an_approval_ends_the_wait_as_it_comes(sandbox: Sandbox, cluster: Cluster) -> None:
    given = threading.Timer(0.5, cluster.put, ("approvals.json", approvals("2", approval("ana"))))
    given.start()
    assert approve(sandbox, seconds=600).code == 0
    assert cluster.calls.count("GET approvals") == 2, "it was told, and did not ask again and again"


def test_a_note_that_is_refused_ends_no_wait(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(refused_notes=(f"tekton-delivery/{NOTE}",))
    result = approve(sandbox, seconds=2)
    assert (sandbox.root / "reason").read_text().startswith("refused: 0 of 1 approvals came")
    assert "could not be noted on shop-pod; trying again" in result.out
    assert "denied the request" in result.err


def test_approvals_that_cannot_be_read_are_no_approvals(sandbox: Sandbox, cluster: Cluster) -> None:
    result = waiting(sandbox)
    assert result.code != 0
    assert "is forbidden" in result.err


@pytest.mark.parametrize("verb", ["approvals", "patch"])
def test_cancelled_nothing_waits_any_more(sandbox: Sandbox, cluster: Cluster, verb: str) -> None:
    cluster.put("approvals.json", approvals("1"))
    cluster.behave(hangs=verb)
    result = sandbox.cancelled_part(
        "tests.steps.test_approve", "wait", sandbox.root / "hanging", **environment(sandbox, 1, 600)
    )
    assert result.code == 143, result.err
    assert cluster.verbs().count("PATCH deployment") == 2, "noted, and forgotten"
    assert NOTE not in cluster.notes
