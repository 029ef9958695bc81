"""What pods say of why they do not get ready."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from steps import pods
from steps.kubernetes import ApiError, ForbiddenError, Kubernetes
from steps.workloads import DEPLOYMENTS, Workload
from tests.steps.deploy.step import NEW, OLD

Object = dict[str, Any]
DEPLOYMENT: Object = {
    "metadata": {"generation": 2},
    "spec": {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "shop"}},
        "template": {"spec": {"containers": [{"name": "app", "image": NEW}]}},
    },
    "status": {"observedGeneration": 2},
}
APP = Workload("staging", DEPLOYMENTS, "shop-pod", ("app",), existing=False)
LIMITED: Object = {"resources": {"limits": {"memory": "64Mi"}}}
QUOTING: Object = {"terminationMessagePolicy": "FallbackToLogsOnError"}


class Api:
    """An API server that has pods and events."""

    def __init__(self, *found: Object, events: tuple[Object, ...] = (), refuses: ApiError | None = None) -> None:
        self.found, self.events, self.refuses = found, events, refuses
        self.asked: list[dict[str, str]] = []

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        yield

    def items(self, path: str, **query: str) -> Iterator[Object]:
        if self.refuses:
            raise self.refuses
        self.asked.append(query)
        assert path.startswith("/api/v1/namespaces/staging/")
        return iter(self.events if path.endswith("/events") else self.found)


def pod(
    state: Object | None = None,
    *,
    last: Object | None = None,
    starts: int = 0,
    image: str = NEW,
    template: str = "new",
    at: str = "2026-01-01T00:00:02Z",
    declared: Object | None = None,
    **status: Any,
) -> Object:
    """A pod of one container."""
    container = {"name": "app", "state": state or {"running": {}}, "lastState": last or {}, "restartCount": starts}
    return {
        "metadata": {"name": "shop-1", "labels": {"pod-template-hash": template}, "creationTimestamp": at},
        "spec": {"containers": [{"name": "app", "image": image} | (declared or {})]},
        "status": {"containerStatuses": [container]} | status,
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int = 1, **more: str) -> Object:
    return {"terminated": {"exitCode": code, "reason": "Error"} | more}


def why(api: Api, deployment: Object = DEPLOYMENT, *, over: bool = True) -> str:
    look = pods.Look(cast(Kubernetes, api), APP, NEW, "60s")
    look._next = 0.0
    return look.why(deployment, over=over)


CRASHING = waiting("CrashLoopBackOff", "back-off 20s restarting failed container")


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (pod(CRASHING, last=ended(3), starts=2), "ended at its start (exit code 3)"),
        (pod(CRASHING, last=ended(0), starts=2), "ended at its start (exit code 0)"),
        (
            pod(CRASHING, last=ended(137, reason="OOMKilled"), starts=2, declared=LIMITED),
            "ran out of memory (limit 64Mi)",
        ),
        (
            pod(CRASHING, last=ended(128, reason="StartError", message='exec: "shop": executable file not found'), starts=2),
            "cannot be started: \"exec: 'shop': executable file not found\"",
        ),
        (
            pod(waiting("ImagePullBackOff", f'Back-off pulling image "{NEW}": ErrImagePull: {NEW}: not found')),
            "has an image that its registry does not have",
        ),
        (
            pod(waiting("ErrImagePull", "failed to authorize: 401 Unauthorized")),
            "has an image that its registry does not give to the nodes",
        ),
        (pod(waiting("ErrImagePull", "no match for platform in manifest")), "has no image for the node's platform"),
    ],
)
def test_what_no_waiting_makes_better_ends_the_wait(there: Object, told: str) -> None:
    assert why(Api(there), over=False) == f"not ready: {told}"


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (pod(ended(1), last=ended(1), starts=1), "ended at its start (exit code 1)"),
        (pod(CRASHING, last=ended(1), starts=1), "ended at its start (exit code 1)"),
        (pod(waiting("ErrImagePull", "dial tcp: i/o timeout")), 'has an image that cannot be pulled: "i/o timeout"'),
        (
            pod(waiting("CreateContainerConfigError", 'secret "shop" not found')),
            "cannot be made: \"secret 'shop' not found\"",
        ),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu."}]),
            'no node takes its pod: "0/1 nodes: Insufficient cpu."',
        ),
    ],
)
def test_what_may_pass_is_waited_for_and_told_when_the_time_is_over(there: Object, told: str) -> None:
    assert why(Api(there), over=False) == ""
    assert why(Api(there)) == f"not ready within 60s: {told}"


def test_a_quota_is_told_by_the_deployment() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods, limited: pods=1"}
    full = DEPLOYMENT | {"status": {"observedGeneration": 2, "conditions": [failure]}}
    assert why(Api(), full) == 'not ready within 60s: its pods are refused: "exceeded quota: pods, limited: pods=1"'
    assert why(Api(refuses=ForbiddenError(403, "Forbidden", "no")), full).endswith('limited: pods=1"')


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "its readiness probe got HTTP 503"),
        (
            'Startup probe failed: Get "http://10.0.0.3:8080/": dial tcp 10.0.0.3:8080: connect: connection refused',
            'its startup probe failed: "connection refused"',
        ),
    ],
)
def test_what_a_probe_was_answered_last_is_told(message: str, told: str) -> None:
    events = ({"message": "Readiness probe failed: older", "lastTimestamp": "1"}, {"message": message, "lastTimestamp": "2"})
    api = Api(pod(), events=events)
    assert why(api) == f"not ready within 60s: {told}"
    assert api.asked[1]["fieldSelector"] == "involvedObject.kind=Pod,involvedObject.name=shop-1,reason=Unhealthy"


def test_the_line_that_says_most_is_quoted_where_the_stack_keeps_the_log() -> None:
    log = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'shop' @ana https://x.example\n\nbye\n"
    crashed = ended(1, message=log)
    told = why(Api(pod(CRASHING, last=crashed, starts=2, declared=QUOTING)))
    quoted = "\"ModuleNotFoundError: No module named 'shop' ana https:/ x.example\""
    assert told == f"not ready: ended at its start (exit code 1): {quoted}"
    silent = why(Api(pod(CRASHING, last=crashed, starts=2)))
    assert silent == "not ready: ended at its start (exit code 1)", "what it wrote to its termination log is not told either"


def test_pods_of_other_images_and_templates_say_nothing() -> None:
    crashing = {"last": ended(1), "starts": 9}
    assert why(Api(pod(CRASHING, image=OLD, **crashing))) == f"sha256:{'b' * 64} was not ready within 60s"
    former = pod(CRASHING, template="old", at="2026-01-01T00:00:01Z", **crashing)
    assert why(Api(former, pod(ended(2), starts=1))).endswith("(exit code 2)")
    leaving = pod(CRASHING, **crashing)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:03Z"
    assert why(Api(leaving)).endswith("was not ready within 60s")
    unseen = DEPLOYMENT | {"status": {"observedGeneration": 1}}
    assert why(Api(pod(CRASHING, **crashing)), unseen).endswith("was not ready within 60s")


def test_of_several_containers_the_one_is_named() -> None:
    there = pod()
    there["spec"]["initContainers"] = [{"name": "starter", "image": "tools"}]
    there["status"]["initContainerStatuses"] = [{"name": "starter", "state": waiting("ErrImagePull", "not found")}]
    assert why(Api(there)) == "not ready: container starter has an image that its registry does not have"


@pytest.mark.parametrize(
    "refusal", [ForbiddenError(403, "Forbidden", "pods is forbidden"), ApiError(0, "", "no answer")], ids=["right", "answer"]
)
def test_without_pods_the_time_alone_is_told(refusal: ApiError) -> None:
    assert why(Api(refuses=refusal)) == f"sha256:{'b' * 64} was not ready within 60s"


def test_pods_are_looked_at_now_and_then_alone() -> None:
    api = Api(pod())
    look = pods.Look(cast(Kubernetes, api), APP, NEW, "60s")
    assert look.why(DEPLOYMENT, over=False) == ""
    assert api.asked == []
