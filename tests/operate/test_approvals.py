"""Approving: what waits is found, and said yes to in the own name."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.conventions import Manifest
from operate import approvals
from operate.approvals import approve, awaiting
from operate.errors import OperateError
from tests.operate.cluster import Memory, image, served

DIGEST = "sha256:" + "b" * 64


def waiting(number: int, until: str = "2999-01-01T00:00:00Z") -> dict[str, str]:
    note = {
        "digest": DIGEST,
        "commit": "b" * 40,
        "pullRequest": str(number),
        "mergedBy": "bob",
        "run": f"shop-production-{number}",
        "taskRun": f"shop-production-{number}-promote",
        "taskRunUid": "uid",
        "count": 2,
        "until": until,
    }
    return {f"tekton-delivery/awaits-approval-{number}": json.dumps(note)}


def production(*notes: dict[str, str]) -> Memory:
    cluster = Memory("production", served("a", 1))
    for note in notes:
        cluster.notes.update(note)
        for text in note.values():
            noted = json.loads(text)
            cluster.waiting[noted["taskRun"]] = run(noted)
    return cluster


def run(noted: dict[str, Any]) -> Manifest:
    """The TaskRun that has noted it, as Tekton shows it while its step `approve` runs."""
    params = {"head-sha": "commit", "pull-request": "pullRequest", "merged-by": "mergedBy", "run": "run"}
    results = [{"key": "image", "value": image("b"), "type": 1}, {"key": "touched", "value": "", "type": 1}]
    return {
        "metadata": {"name": noted["taskRun"], "uid": "uid", "labels": {"app.kubernetes.io/name": "shop"}},
        "spec": {
            "serviceAccountName": "deployer",
            "params": [{"name": name, "value": noted[key]} for name, key in params.items()],
        },
        "status": {
            "steps": [
                {"name": "commits", "terminated": {"exitCode": 0}},
                {"name": "prove", "terminated": {"exitCode": 0, "message": json.dumps(results)}},
                {"name": "approve", "running": {}},
            ]
        },
    }


def test_the_only_one_that_waits_needs_no_name() -> None:
    cluster = production(waiting(7))
    assert approve(cluster.target, None, "looks good").digest == DIGEST
    (made,) = cluster.config_maps.values()
    assert made["data"] == {"digest": DIGEST, "approver": "ana", "reason": "looks good"}
    assert made["immutable"] is True
    assert made["metadata"]["labels"]["tekton-delivery/approval"] == "shop-pod"
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("TaskRun", "shop-production-7-promote", "uid")


def test_two_people_approve_and_nobody_twice() -> None:
    cluster = production(waiting(7))
    approve(cluster.target, "7", None)
    with pytest.raises(OperateError, match=r"ana has approved .* already; it takes 2 people"):
        approve(cluster.target, "#7", None)
    cluster.user = "bob"
    approve(cluster.target, "shop-production-7", None)
    assert [made["data"]["approver"] for made in cluster.config_maps.values()] == ["ana", "bob"]


def test_of_several_one_has_to_be_named() -> None:
    cluster = production(waiting(7), waiting(8))
    with pytest.raises(OperateError, match=r"several wait(?s:.*)#7 (?s:.*)#8 "):
        approve(cluster.target, None, None)
    assert approve(cluster.target, "8", None).pull_request == "8"


def test_what_does_not_wait_cannot_be_approved() -> None:
    with pytest.raises(OperateError, match="nothing waits for approval on production shop"):
        approve(production().target, None, None)
    with pytest.raises(OperateError, match=r"9 does not wait (?s:.*)#7 "):
        approve(production(waiting(7)).target, "9", None)


def test_what_a_killed_run_left_behind_ends_by_its_time() -> None:
    assert awaiting(production(waiting(7, until="2026-01-01T00:00:00Z")).target) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"digest": "sha256:" + "e" * 64},
        {"commit": "e" * 40},
        {"mergedBy": "carol"},
        {"pullRequest": "8"},
        {"run": "another"},
        {"taskRunUid": "another"},
    ],
)
def test_what_somebody_else_noted_is_not_approved(forged: dict[str, str]) -> None:
    cluster = production(waiting(7))
    ((name, text),) = waiting(7).items()
    cluster.notes[name] = json.dumps(json.loads(text) | forged)
    with pytest.raises(OperateError, match="is not what the run shop-production-7-promote waits for"):
        approve(cluster.target, None, None)
    assert cluster.config_maps == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["spec"].update(serviceAccountName="reporter"),
        lambda run: run["metadata"].update(labels={"app.kubernetes.io/name": "other"}),
        lambda run: run["status"].update(completionTime="now"),
        lambda run: run["status"].update(steps=[]),
    ],
    ids=["no-deployer", "another-application", "ended", "nothing-proven"],
)
def test_nor_what_another_run_waits_for(change: Callable[[Manifest], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "_STATUS_SECONDS", 0.0)
    cluster = production(waiting(7))
    change(cluster.waiting["shop-production-7-promote"])
    with pytest.raises(OperateError, match="is not what the run"):
        approve(cluster.target, None, None)
    cluster.waiting.clear()
    with pytest.raises(OperateError, match="is gone"):
        approve(cluster.target, None, None)
    assert cluster.config_maps == {}


def test_what_the_run_does_not_show_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen on a cluster: the note came before the status of the step that had ended."""
    cluster = production(waiting(7))
    status = cluster.waiting["shop-production-7-promote"]["status"]
    shown, status["steps"] = status["steps"], []
    monkeypatch.setattr(approvals.time, "sleep", lambda seconds: status.update(steps=shown))
    assert approve(cluster.target, None, None).digest == DIGEST


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"until": 5}'])
def test_a_note_that_cannot_be_read_stops_no_approval(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = production(waiting(7))
    cluster.notes["tekton-delivery/awaits-approval-8"] = text
    cluster.notes["tekton-delivery/awaits-approval-9"] = waiting(9, until="later")["tekton-delivery/awaits-approval-9"]
    assert [item.pull_request for item in awaiting(cluster.target)] == ["7"]
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == [
        "cannot be read and is left out, the annotation tekton-delivery/awaits-approval-8 of shop-pod",
        "cannot be read and is left out, the annotation tekton-delivery/awaits-approval-9 of shop-pod",
    ]
