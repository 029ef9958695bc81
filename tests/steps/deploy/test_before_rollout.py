"""Deploy: what has to succeed before a rollout runs once for a digest, and nothing is rolled out where it fails."""

from collections.abc import Callable
from unittest import mock

import pytest

from steps.before_rollout import longest
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, SHA, cancel, deploy, reason
from tests.steps.jobs import FAILED, LABEL, LATE, SUCCEEDED, TEMPLATE, JobsCluster, job, pod
from tests.steps.objects import lease

NAME = "shop-" + "b" * 16
HOLD = '{"by":"ana","reason":"stock-taking","since":"2026-11-22T12:00:00Z"}'


@pytest.fixture
def cluster(sandbox: Sandbox) -> JobsCluster:
    sandbox.close()
    made = sandbox.cluster = JobsCluster(sandbox.root, image=OLD, notes=OLD_NOTES | {LABEL: "shop"})
    return made


def ended(code: int, message: str = "", **more: str) -> dict[str, object]:
    return {"name": "app", "state": {"terminated": {"exitCode": code, "message": message, **more}}}


def waiting(why: str, message: str) -> dict[str, object]:
    return {"name": "app", "state": {"waiting": {"reason": why, "message": message}}}


def hold(cluster: JobsCluster) -> None:
    held = cluster.get("live.json")
    held["metadata"]["annotations"]["tekton-delivery/hold"] = HOLD
    cluster.put("live.json", held)


def test_it_succeeds_before_the_image_changes(sandbox: Sandbox, cluster: JobsCluster) -> None:
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert cluster.image == NEW
    (made,) = cluster.made
    spec = TEMPLATE["spec"]
    declared = TEMPLATE | {"spec": spec | {"containers": [spec["containers"][0] | {"image": NEW}]}}
    assert made == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME, "labels": {LABEL: "shop"}},
        "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 660, "template": declared},
    }, "what is declared, and the image"
    verbs = cluster.verbs()
    assert verbs.index("POST jobs") < verbs.index(f"WATCH {NAME}") < verbs.index("PATCH deployment")
    assert verbs.index("PUT lease") < verbs.index("POST jobs"), "within the Lease"


def test_one_without_it_asks_for_nothing_of_it(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.put("live.json", cluster.get("live.json") | {"metadata": {"resourceVersion": "1", "annotations": {}}})
    assert deploy(sandbox).code == 0
    assert not [call for call in cluster.calls if "jobs" in call or "pod" in call]


def test_it_runs_once_for_a_digest(sandbox: Sandbox, cluster: JobsCluster) -> None:
    assert deploy(sandbox).code == 0
    assert deploy(sandbox, OLD).code == 0
    assert deploy(sandbox).code == 0
    assert [made["metadata"]["name"] for made in cluster.made] == [NAME, "shop-" + "a" * 16]


def test_one_that_failed_keeps_the_image_and_tells_the_end_of_its_log(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.ends = lambda _: FAILED
    log = 'Applying shop.0002...\nTraceback: column \x1b[31m"price" of @acme/shop #7 `x` at https://u:p@ss@db/shop\n'
    cluster.pods = [pod(phase="Failed", containerStatuses=[ended(3, log)])]
    result = deploy(sandbox)
    assert result.code == 1
    assert cluster.image == OLD
    assert "PATCH deployment" not in cluster.calls
    assert cluster.holder is None
    told = reason(sandbox)
    assert told.startswith('not rolled out: beforeRollout failed (exit code 3): "…')
    assert told.endswith("31m'price' of acme/shop 7 x at https:/ db/shop\"")
    assert len(told) == 139, "as much as a commit status takes"
    assert "Applying shop.0002...\nTraceback" in result.err


def test_one_that_failed_runs_again_by_the_next_run(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.ends = lambda _: FAILED
    assert deploy(sandbox).code == 1
    cluster.ends = lambda _: SUCCEEDED
    assert deploy(sandbox).code == 0
    assert (cluster.deleted, len(cluster.made), cluster.image) == ([NAME], 2, NEW)


def test_what_is_not_deleted_is_no_reason_to_go_on(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.jobs[NAME] = job(NAME, NEW, FAILED)
    cluster.keeps = True
    with mock.patch("steps.before_rollout._PATIENCE", 0.5):
        assert deploy(sandbox).code == 1
    assert "is not deleted" in reason(sandbox)
    assert cluster.image == OLD


@pytest.mark.parametrize(
    ("status", "pods", "expected"),
    [
        (LATE, [], "did not start within beforeRollout.timeout (600 s): no pod of it was let in"),
        (
            FAILED,
            [pod(reason="DeadlineExceeded", containerStatuses=[ended(143, "still at row 12")])],
            'did not end within beforeRollout.timeout (600 s): "still at row 12"',
        ),
        (FAILED, [pod(containerStatuses=[ended(137, "", reason="OOMKilled")])], "failed (exit code 137, out of memory)"),
        (FAILED, [pod(message="The node was low on resource")], 'failed: "The node was low on resource"'),
        (FAILED, [], "failed"),
        (FAILED, [pod(initContainerStatuses=[ended(1, "no proxy")])], 'failed (exit code 1): "no proxy"'),
    ],
)
def test_how_it_failed_is_told(
    sandbox: Sandbox, cluster: JobsCluster, status: dict[str, object], pods: list[dict[str, object]], expected: str
) -> None:
    cluster.ends, cluster.pods = lambda _: status, pods
    assert deploy(sandbox).code == 1
    assert reason(sandbox) == f"not rolled out: beforeRollout {expected}"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"containerStatuses": [waiting("ImagePullBackOff", "no such image")]}, 'ImagePullBackOff: "no such image"'),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}]},
            'Unschedulable: "no node"',
        ),
        ({"containerStatuses": [waiting("CreateContainerConfigError", "secret")]}, 'CreateContainerConfigError: "secret"'),
    ],
)
def test_what_kept_it_from_starting_is_told_once_it_is_late(
    sandbox: Sandbox, cluster: JobsCluster, status: dict[str, object], expected: str
) -> None:
    """By then the pod no longer says so."""
    cluster.pods = [pod(**status)]
    gone: Callable[[], None] = cluster.pods.clear
    cluster.watching, cluster.ends = gone, lambda _: LATE
    assert deploy(sandbox).code == 1
    assert reason(sandbox) == f"not rolled out: beforeRollout did not start within beforeRollout.timeout (600 s): {expected}"
    assert "PATCH deployment" not in cluster.calls


def test_one_that_waited_and_started_then_is_late_for_another_reason(sandbox: Sandbox, cluster: JobsCluster) -> None:
    stages = [
        pod(containerStatuses=[waiting("ErrImagePull", "try again")]),
        pod(containerStatuses=[{"name": "app", "state": {"running": {}}}]),
        pod(reason="DeadlineExceeded", containerStatuses=[ended(143, "row 12")]),
    ]
    cluster.pods = stages[:1]

    def go_on() -> None:
        stages.pop(0)
        cluster.pods[:] = stages[:1]

    cluster.watching, cluster.ends = go_on, lambda _: FAILED if len(stages) == 1 else None
    assert deploy(sandbox).code == 1
    assert reason(sandbox) == 'not rolled out: beforeRollout did not end within beforeRollout.timeout (600 s): "row 12"'


def test_another_digests_job_is_waited_for_whatever_comes_of_it(sandbox: Sandbox, cluster: JobsCluster) -> None:
    """A cancelled run leaves one."""
    other = "shop-" + "c" * 16
    cluster.jobs[other] = job(other, NEW.replace("b" * 64, "c" * 64))
    cluster.ends = lambda name: FAILED if name == other else SUCCEEDED
    assert deploy(sandbox).code == 0
    verbs = cluster.verbs()
    assert verbs.index(f"WATCH {other}") < verbs.index("POST jobs")


def test_what_people_hold_while_another_digests_job_ends_has_no_job(sandbox: Sandbox, cluster: JobsCluster) -> None:
    other = "shop-" + "c" * 16
    cluster.jobs[other] = job(other, NEW.replace("b" * 64, "c" * 64))
    cluster.watching = lambda: hold(cluster)
    assert deploy(sandbox).code == 1
    assert reason(sandbox).startswith("queued: ")
    assert (cluster.made, cluster.image) == ([], OLD)


def test_the_same_digests_job_that_goes_on_is_this_runs_too(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.jobs[NAME] = job(NAME, NEW)
    assert deploy(sandbox).code == 0
    assert (cluster.made, cluster.image) == ([], NEW)


def test_a_job_of_another_digest_with_its_name_is_none_of_its(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.jobs[NAME] = job(NAME, NEW[:-1] + "0", SUCCEEDED)
    assert deploy(sandbox).code == 1
    assert "is of another digest" in reason(sandbox)
    assert cluster.image == OLD


def test_one_that_is_deleted_before_it_ended_has_not_succeeded(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.ends, cluster.watching = lambda _: None, cluster.jobs.clear
    assert deploy(sandbox).code == 1
    assert reason(sandbox) == f"not rolled out: the Job {NAME} was deleted before it ended"
    assert cluster.image == OLD


def test_one_that_goes_on_past_its_end_is_not_waited_for(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.template = TEMPLATE | {"spec": TEMPLATE["spec"] | {"activeDeadlineSeconds": 1}}
    cluster.ends = lambda _: None
    with mock.patch("steps.before_rollout.LATE", -1), mock.patch("steps.before_rollout.GRACE", 1):
        assert deploy(sandbox).code == 1
    assert reason(sandbox) == f"not rolled out: the Job {NAME} goes on past its end"


def test_one_that_is_not_let_in_rolls_nothing_out(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.refuses = "ValidatingAdmissionPolicy denied request"
    assert deploy(sandbox).code == 1
    assert "beforeRollout was not started" in reason(sandbox)
    assert "denied request" in reason(sandbox)
    assert cluster.image == OLD


def test_what_is_not_declared_is_not_passed_over(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.template = None
    assert deploy(sandbox).code == 1
    assert 'podtemplates "shop-before-rollout" not found' in reason(sandbox)
    assert cluster.image == OLD


def test_a_lost_answer_makes_no_second_job(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.loses_the_answer = True
    with mock.patch("steps.kubernetes.time.sleep"):
        result = deploy(sandbox)
    assert result.code == 0, result.err
    assert len(cluster.made) == 1


def test_what_people_hold_has_no_job(sandbox: Sandbox, cluster: JobsCluster) -> None:
    hold(cluster)
    assert deploy(sandbox).code == 1
    assert reason(sandbox).startswith("queued: ")
    assert cluster.made == []


def test_what_people_hold_meanwhile_is_not_rolled_out(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.watching = lambda: hold(cluster)
    assert deploy(sandbox).code == 1
    assert reason(sandbox).startswith("queued: ")
    assert (len(cluster.made), cluster.image) == (1, OLD)


def test_what_was_overtaken_has_no_job(sandbox: Sandbox, cluster: JobsCluster) -> None:
    head = mock.Mock()
    head.moved.return_value = "f" * 40
    assert deploy(sandbox, head=head).code == 1
    assert reason(sandbox) == f"superseded: the head of the pull request is {'f' * 40}"
    assert cluster.made == []
    head.moved.return_value = ""
    assert deploy(sandbox, head=head).code == 0, "the control"
    assert head.moved.call_args_list[0].args[0] == SHA


def test_a_cancelled_run_leaves_it_to_end(sandbox: Sandbox, cluster: JobsCluster) -> None:
    cluster.behave(hangs="job")
    assert cancel(sandbox, "hanging").code == 143
    assert (cluster.deleted, list(cluster.jobs), cluster.image) == ([], [NAME], OLD)
    assert cluster.holder is None


def test_the_lease_is_held_for_as_long_as_the_stack_says(sandbox: Sandbox, cluster: JobsCluster) -> None:
    before = lease("", age=1, longest=270 + longest(600))
    cluster.put("lease.json", before)
    seen: list[int] = []
    cluster.watching = lambda: seen.append(cluster.get("lease.json")["spec"]["leaseDurationSeconds"])
    assert deploy(sandbox).code == 0
    assert seen == [270 + 2 * (600 + 60 + 30)]
