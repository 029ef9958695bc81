"""Why a Deployment does not get ready: what its pods say, in one line.

Images are made of what a pull request brings, so that what they print is quoted and decides nothing but how long is waited.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from steps import containers, kubernetes, notes, tail
from steps.kubernetes import ApiError, ForbiddenError, Kubernetes
from steps.result import log, warn
from steps.text import quoted
from steps.workloads import Workload

Object = dict[str, Any]

# How often the pods of a rollout that takes its time are looked at, in seconds.
LOOKED = 5.0
# One that has ended so often, and is waited with before its next start, is not about to get ready. Some applications end
# until what they need is there: the first ends count for nothing.
_STARTS = 3
_QUOTED = 120
# What a container's runtime and the kubelet say of a registry's answer: no other answer comes while somebody waits.
_ABSENT = re.compile("not found|manifest unknown|does not exist", re.IGNORECASE)
_REFUSED = re.compile("unauthorized|authorization failed|denied|forbidden|no basic auth", re.IGNORECASE)
_PLATFORM = re.compile("no match for platform", re.IGNORECASE)
_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_CREATE = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
# By this policy the kubelet keeps the end of a container's log; the stack declares it where it may be shown.
LOGS = "FallbackToLogsOnError"


@dataclass(frozen=True)
class Trouble:
    """What keeps a Deployment from getting ready."""

    text: str
    """In one line."""
    final: bool = False
    """Whether it stays so however long somebody waits."""


class Look:
    """Looks at the pods of a rollout now and then: those that run the image that was rolled out."""

    def __init__(self, api: Kubernetes, workload: Workload, image: str, timeout: str) -> None:
        self._api, self._namespace, self._container = api, workload.namespace, workload.containers[0]
        self._image, self._timeout = image, timeout
        self._next = time.monotonic() + LOOKED
        self._known: Trouble | None = None

    def why(self, deployment: Object, *, over: bool) -> str:
        """Return why a Deployment does not get ready, or nothing where it may. It does not once its time is `over`."""
        if over or time.monotonic() >= self._next:
            known, self._next = self._known, time.monotonic() + LOOKED
            self._known = self._trouble(deployment)
            if self._known and self._known != known:
                log(self._known.text)
        if self._known and self._known.final:
            return f"not ready: {self._known.text}"
        late = f"not ready within {self._timeout}"
        if over:
            return f"{late}: {self._known.text}" if self._known else f"{notes.digest(self._image) or self._image} was {late}"
        return ""

    def _trouble(self, deployment: Object) -> Trouble | None:
        """Return what keeps the pods, the worst first. A service account without the right to read them knows nothing."""
        status = deployment.get("status") or {}
        # Nothing is known of them until their controller has looked at what was changed.
        if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
            return None
        refused = _not_admitted(status)
        try:
            with self._api.within(LOOKED):
                pods = [pod for pod in self._newest(deployment) if _image(pod, self._container) == self._image]
                found = [trouble for pod in pods for trouble in _of(pod)]
                worst = next((each for each in found if each.final), None) or refused or next(iter(found), None)
                return worst or next((each for pod in pods for each in self._probed(pod)), None)
        except ForbiddenError:
            return refused
        except ApiError as error:
            warn(str(error))
            return refused

    def _newest(self, deployment: Object) -> list[Object]:
        """Return the pods of the newest template: those before it are on their way out."""
        labels = ((deployment["spec"].get("selector") or {}).get("matchLabels") or {}).items()
        selector = ",".join(f"{name}={value}" for name, value in labels)
        pods = list(self._api.items(kubernetes.core(self._namespace, "pods"), labelSelector=selector))
        youngest = max((pod["metadata"].get("creationTimestamp") or "" for pod in pods), default="")
        newest = {_template(pod) for pod in pods if (pod["metadata"].get("creationTimestamp") or "") == youngest}
        return [pod for pod in pods if _template(pod) in newest and not pod["metadata"].get("deletionTimestamp")]

    def _probed(self, pod: Object) -> Iterator[Trouble]:
        """Yield what a pod's probe was answered last. Kubernetes tells that in events alone."""
        selector = f"involvedObject.kind=Pod,involvedObject.name={pod['metadata']['name']},reason=Unhealthy"
        events = list(self._api.items(kubernetes.core(self._namespace, "events"), fieldSelector=selector))
        if events:
            last = max(events, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
            yield Trouble(_answered(last.get("message") or ""))


def _template(pod: Object) -> str | None:
    labels = pod["metadata"].get("labels") or {}
    return labels.get("pod-template-hash") or labels.get("controller-revision-hash")


def _image(pod: Object, container: str) -> str | None:
    return next((each["image"] for each in pod["spec"]["containers"] if each["name"] == container), None)


def _not_admitted(status: Object) -> Trouble | None:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return Trouble(_told("its pods are refused", condition.get("message")))
    return None


def _of(pod: Object) -> Iterator[Trouble]:
    condition = containers.unscheduled(pod)
    if condition:
        yield Trouble(_told("no node takes its pod", condition.get("message")))
    declared = {each["name"]: each for each in (pod["spec"].get("initContainers") or []) + pod["spec"]["containers"]}
    several = len(declared) > 1
    for container in containers.statuses(pod):
        found = _of_container(container, declared.get(container["name"]) or {})
        if found:
            yield Trouble(f"container {container['name']} {found.text}" if several else found.text, found.final)


def _of_container(container: Object, declared: Object) -> Trouble | None:
    reason, message = containers.waits(container)
    if reason in _PULL:
        return _not_pulled(message)
    if reason in _CREATE:
        return Trouble(_told("cannot be made", message))
    ended = (container.get("state") or {}).get("terminated") or (container.get("lastState") or {}).get("terminated")
    starts = container.get("restartCount") or 0
    if not ended or not (starts or ended.get("exitCode")):
        return None
    return Trouble(_crashed(ended, declared), reason == "CrashLoopBackOff" and starts + 1 >= _STARTS)


def _not_pulled(message: str) -> Trouble:
    if _PLATFORM.search(message):
        return Trouble("has no image for the node's platform", final=True)
    if _ABSENT.search(message):
        return Trouble("has an image that its registry does not have", final=True)
    if _REFUSED.search(message):
        return Trouble("has an image that its registry does not give to the nodes", final=True)
    return Trouble(_told("has an image that cannot be pulled", message.rpartition(": ")[2]))


def _crashed(ended: Object, declared: Object) -> str:
    if ended.get("reason") == "OOMKilled":
        limit = ((declared.get("resources") or {}).get("limits") or {}).get("memory")
        return f"ran out of memory (limit {limit})" if limit else "ran out of memory"
    if ended.get("reason") in ("StartError", "ContainerCannotRun"):
        return _told("cannot be started", ended.get("message"))
    text = f"ended at its start (exit code {ended.get('exitCode', 0)})"
    if declared.get("terminationMessagePolicy") != LOGS or not ended.get("message"):
        return text
    return _told(text, tail.telling(ended["message"].splitlines()))


def _answered(message: str) -> str:
    probe, _, answer = message.partition(" probe failed: ")
    code = answer.rpartition("statuscode: ")[2]
    told = f"got HTTP {code}" if code.isdecimal() else _told("failed", answer.rpartition(": ")[2])
    return f"its {probe.lower() or 'readiness'} probe {told}"


def _told(text: str, message: str | None) -> str:
    said = quoted(message or "", _QUOTED, beginning=True)
    return f"{text}: {said}" if said else text
