"""What a pod says of itself: whether a node takes it, and what its containers wait for."""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]


def unscheduled(pod: Object) -> Object | None:
    """Return the condition by which no node takes a pod; None if one does, or nobody has looked yet."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == "PodScheduled" and each.get("status") == "False"), None)


def statuses(pod: Object) -> Iterator[Object]:
    """Yield the statuses of a pod's containers, those first that start first."""
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or []


def waits(container: Object) -> tuple[str, str]:
    """Return what a container waits for, in Kubernetes' word and at length; empty if it does not wait."""
    waiting = (container.get("state") or {}).get("waiting") or {}
    return str(waiting.get("reason") or ""), str(waiting.get("message") or "")
