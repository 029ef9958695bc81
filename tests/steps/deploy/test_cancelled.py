"""Deploy: cancelled or killed, it leaves no image that did not get ready and no Lease that the next one waits for."""

import json

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, cancel, deploy, reason
from tests.steps.objects import deployment, lease


def test_cancelled_while_it_waits_for_the_rollout_it_takes_it_back(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(hangs="rollout")
    result = cancel(sandbox, "hanging")
    assert result.code == 143, result.err
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert cluster.holder is None
    assert reason(sandbox) == f"cancelled before sha256:{'b' * 64} was ready; restored sha256:{'a' * 64}"


@pytest.mark.parametrize("verb", ["replace", "patch"])
def test_cancelled_while_a_change_is_made_it_takes_it_back(sandbox: Sandbox, cluster: Cluster, verb: str) -> None:
    """The API server has made it, and nobody has heard of that."""
    cluster.behave(hangs=verb)
    assert cancel(sandbox, "hanging").code == 143
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert cluster.holder is None


def test_cancelled_while_it_waits_for_its_turn_it_leaves_all_as_it_is(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("lease.json", lease("another", age=1))
    cluster.behave(hangs="wait")
    assert cancel(sandbox, "hanging").code == 143
    assert cluster.image == OLD
    assert cluster.holder == "another"


def test_what_somebody_else_rolled_out_meanwhile_stays(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(hangs="rollout")
    cluster.put("before-hanging", deployment("somebody-elses", {"theirs": "new"}, version=9))
    assert cancel(sandbox, "hanging").code == 143
    assert cluster.image == "somebody-elses"
    assert cluster.holder is None


def test_an_error_in_between_takes_it_back_as_well(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(refused_notes=("tekton-delivery/history",))
    result = deploy(sandbox)
    assert result.code == 1
    assert "denied the request" in result.err
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert cluster.holder is None


def test_what_a_killed_deploy_left_is_no_image_that_served_before(sandbox: Sandbox) -> None:
    """Neither in the records nor as what is restored."""
    unready = OLD.replace("a" * 64, "d" * 64)
    left = {"tekton-delivery/rolling-out": json.dumps({"image": unready, "former": OLD, "run": "killed"})}
    cluster = sandbox.serve(image=unready, notes=OLD_NOTES | left)
    cluster.behave(broken=(NEW,))
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    cluster.put("live.json", deployment(unready, OLD_NOTES | left))
    cluster.behave()
    assert deploy(sandbox).code == 0
    assert json.loads(cluster.notes["before"]) == [{"image": OLD, "commit": "c" * 40, "pullRequest": "6"}]
    assert [entry["image"] for entry in json.loads(cluster.notes["history"])] == [NEW]
    assert "rolling-out" not in cluster.notes


def test_a_note_about_another_image_says_nothing(sandbox: Sandbox) -> None:
    left = {"tekton-delivery/rolling-out": json.dumps({"image": "gone", "former": "gone too", "run": "killed"})}
    cluster = sandbox.serve(image=OLD, notes=OLD_NOTES | left)
    assert deploy(sandbox).code == 0
    assert json.loads(cluster.notes["before"])[0]["image"] == OLD
