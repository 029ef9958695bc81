"""approve.sh: nothing goes on before enough people have approved this very digest, and the wait has an end."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.kube import Cluster

pytestmark = [needs_jq, in_the_tools_images_shell]

DIGEST = "sha256:" + "b" * 64
IMAGE = "registry.internal:5000/shop@" + DIGEST
NOTE = "awaits-approval-7"


@pytest.fixture
def cluster(sandbox: Sandbox) -> Cluster:
    return Cluster(sandbox, image="old")


def approval(by: str, digest: str = DIGEST) -> dict[str, Any]:
    return {"data": {"digest": digest, "approver": by}}


def approve(sandbox: Sandbox, *given: dict[str, Any], count: int = 1, seconds: int = 0) -> Result:
    sandbox.file("approvals.json", json.dumps({"items": given}))
    return sandbox.run("approve", **environment(sandbox, count, seconds))


def environment(sandbox: Sandbox, count: int, seconds: int) -> dict[str, str | Path]:
    sandbox.file("image", IMAGE)
    return {
        "PARAM_PULL_REQUEST": "7",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_HEAD_SHA": "a" * 40,
        "PARAM_MERGED_BY": "alice",
        "PARAM_RUN": "shop-production-7",
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
        "FIELD_MANAGER": "tekton-delivery",
        "SCRATCH": sandbox.root,
        "RESULT_IMAGE_PATH": sandbox.root / "image",
        "RESULT_REASON_PATH": sandbox.root / "reason",
        "RESULT_APPROVED_BY_PATH": sandbox.root / "approved-by",
    }


def test_enough_approvals_let_it_go_on_and_are_handed_on(sandbox: Sandbox, cluster: Cluster) -> None:
    result = approve(sandbox, approval("bob"), approval("ana"), count=2)
    assert result.code == 0, result.err
    assert json.loads((sandbox.root / "approved-by").read_text()) == ["ana", "bob"]
    (call,) = sandbox.called("kubectl")
    assert call[:4] == ["--namespace", "production-ci", "get", "configmaps"]
    assert call[-1] == "tekton-delivery/approval=shop-pod"


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
    assert not (sandbox.root / "approved-by").exists()


def test_what_waits_is_noted_for_people_and_forgotten_at_the_end(sandbox: Sandbox, cluster: Cluster) -> None:
    assert approve(sandbox, seconds=4).code == 1
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


def test_approvals_that_cannot_be_read_are_no_approvals(sandbox: Sandbox, cluster: Cluster) -> None:
    (sandbox.root / "approvals.json").unlink(missing_ok=True)
    sandbox.stub("kubectl", "echo 'configmaps is forbidden' >&2; exit 1")
    result = approve(sandbox)
    assert result.code != 0
    assert "is forbidden" in result.err


@pytest.mark.parametrize("verb", ["sleep", "patch"])
def test_cancelled_nothing_waits_any_more(sandbox: Sandbox, cluster: Cluster, verb: str) -> None:
    sandbox.file("approvals.json", json.dumps({"items": []}))
    cluster.behave(hangs=verb)
    if verb == "sleep":
        sandbox.stub("sleep", f"touch '{sandbox.root}/hanging'; exec /bin/sleep 60")
    result = sandbox.cancel("approve", sandbox.root / "hanging", **environment(sandbox, 1, 600))
    assert result.code == 143, result.err
    assert len([call for call in sandbox.called("kubectl") if "patch" in call]) == 2, "noted, and forgotten"
    assert NOTE not in cluster.notes
