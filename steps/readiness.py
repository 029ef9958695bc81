"""Whether a workload serves what it is to run."""

import time
from collections.abc import Iterator

from steps import pods
from steps.kubernetes import ApiError, Kubernetes
from steps.notes import Object
from steps.result import log, warn
from steps.workloads import DEPLOYMENTS, STATEFUL_SETS, Workload

# A watch that brings nothing is begun anew after this long: its connection may be dead.
WATCHED = 30.0
# For how long an API server that does not answer is asked again. A cancelled pod has half a minute for its way back.
PATIENCE, GRACE = 20.0, 25.0


class Asking:
    """Objects as they are now, for as long as a rollout has patience."""

    def __init__(self, api: Kubernetes) -> None:
        self._api = api

    def now(self, path: str) -> Object:
        """Return an object."""
        with self._api.within(PATIENCE):
            return self._api.get(path)

    def anew(self, path: str, known: Object) -> Object:
        """Return an object as it is now; as it is known where the API server does not answer."""
        try:
            return self.now(path)
        except ApiError as error:
            if not error.passing:
                raise
            warn(str(error))
            return known

    def ready(self, workload: Workload, live: Object, end: float, look: pods.Look) -> str:
        """Wait until a workload serves what it is to run; return why it does not before `end`, or nothing.

        That its progress deadline is over, it says of a rollout that failed until its controller has looked at the next one.
        """
        name = workload.name
        shown, changes = "", self._changes(workload.path, live, end)
        while True:
            waits = waits_for(workload, live)
            if waits is None:
                log(f"{workload.kind[:-1]} {name!r} successfully rolled out")
                return ""
            if waits != shown:
                log(f"{name}: {waits}")
                shown = waits
            why = look.why(live, over=time.monotonic() >= end)
            if why:
                warn(f"error: {name}: {why}")
                return why
            live = next(changes)

    def _changes(self, path: str, live: Object, end: float) -> Iterator[Object]:
        """Yield the object each time that it has changed, and as it is whenever a watch ends."""
        while True:
            seconds = min(end - time.monotonic(), pods.LOOKED)
            yield from self._api.watch(path, live["metadata"]["resourceVersion"], seconds)
            live = self.anew(path, live)
            yield live


def _of_deployment(deployment: Object) -> str | None:
    """Return what a Deployment waits for before it serves what it is to run, as `kubectl rollout status` does."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    updated, there = status.get("updatedReplicas", 0), status.get("replicas", 0)
    if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return "its controller has not looked at it"
    if updated < wanted:
        return f"{updated} of {wanted} replicas are new"
    if there > updated:
        return f"{there - updated} old replicas are about to end"
    if status.get("availableReplicas", 0) < updated:
        return f"{status.get('availableReplicas', 0)} of {updated} new replicas are available"
    return None


def _of_stateful_set(live: Object) -> str | None:
    """Return the same of a StatefulSet. Pods below its partition stay as they are: that is whose it is."""
    status, spec = live.get("status") or {}, live["spec"]
    wanted = spec.get("replicas", 1)
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    new = max(0, wanted - rolling.get("partition", 0))
    if live["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return "its controller has not looked at it"
    same = status.get("updateRevision") == status.get("currentRevision")
    updated = wanted if same else status.get("updatedReplicas", 0)
    if updated < new:
        return f"{updated} of {new} replicas are new"
    available = status.get("availableReplicas", 0)
    if available < wanted:
        ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        stuck = " (OrderedReady: one that never gets ready has to be deleted by hand)" if ordered else ""
        return f"{available} of {wanted} replicas are available{stuck}"
    return None


_WAITS = {DEPLOYMENTS: _of_deployment, STATEFUL_SETS: _of_stateful_set}


def waits_for(workload: Workload, live: Object) -> str | None:
    """Return what a workload waits for before it serves what it is to run; None if it does."""
    return _WAITS[workload.kind](live)
