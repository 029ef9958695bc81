"""Deploy: what does not get ready is taken back, and a way back that fails is told."""

from unittest import mock

from steps import pods
from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, deploy, reason
from tests.steps.objects import deployment


def test_an_image_that_never_gets_ready_is_taken_back_with_its_notes(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,))
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s; restored sha256:{'a' * 64}"


def test_a_way_back_that_does_not_get_ready_either_is_told_as_well(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW, OLD))
    assert deploy(sandbox).code != 0
    expected = f"sha256:{'b' * 64} was not ready within 60s, and restoring sha256:{'a' * 64} failed as well"
    assert reason(sandbox) == expected


def test_a_way_back_that_is_refused_is_told_as_well(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,), refused=(OLD,))
    result = deploy(sandbox)
    assert result.code != 0
    assert reason(sandbox).endswith("failed as well")
    assert "denied the request [31m" in result.err, "without what turns a terminal red"


def test_the_same_image_again_has_nothing_to_go_back_to(sandbox: Sandbox) -> None:
    cluster = sandbox.serve(image=NEW, notes=OLD_NOTES)
    cluster.behave(broken=(NEW,))
    assert deploy(sandbox).code != 0
    assert cluster.waits == 1
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s"
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES


def test_what_somebody_else_rolled_out_meanwhile_is_not_taken_back(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,))
    cluster.put("after-rollout", deployment("somebody-elses", {"theirs": "new"}, version=9))
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.image == "somebody-elses"
    assert cluster.notes == {"theirs": "new"}
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s; something else has been rolled out meanwhile"


def test_the_end_of_the_rollout_before_is_not_taken_for_this_ones(sandbox: Sandbox, cluster: Cluster) -> None:
    """Seen on a cluster: the restored image served, and the step said that restoring it had failed."""
    cluster.behave(broken=(NEW,), stale=2)
    result = deploy(sandbox)
    assert result.code == 1
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s; restored sha256:{'a' * 64}"
    assert cluster.waits == 2
    assert cluster.stale == 0, "it was told twice that the one before had failed"


def test_a_deadline_that_is_over_for_good_ends_the_wait(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,), stale=10**9)
    assert deploy(sandbox).code == 1
    assert reason(sandbox).endswith(f"and restoring sha256:{'a' * 64} failed as well")


def test_one_that_crashes_again_and_again_is_taken_back_before_its_time_is_over(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,))
    last = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    crashing = {"name": "app", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": last}
    pod = {
        "metadata": {"name": "shop-1"},
        "spec": {"containers": [{"name": "app", "image": NEW}]},
        "status": {"containerStatuses": [crashing]},
    }
    cluster.put("pods.json", {"items": [pod]})
    with mock.patch.object(pods, "LOOKED", 0.1):
        assert deploy(sandbox, ROLLOUT_SECONDS="60").code == 1
    assert reason(sandbox) == f"not ready: ran out of memory; restored sha256:{'a' * 64}"
    assert cluster.image == OLD
