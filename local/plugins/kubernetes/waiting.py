"""Waiting for an object to become ready, or to be gone, with the user's timeout and the user's Ctrl-C."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local.plugins.kubernetes.cluster import Cluster, Reference
from local.plugins.kubernetes.readiness import Check, WaitError, reasons

DEFAULT_TIMEOUT = 600.0
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.1, 1.0


class NotReadyError(Exception):
    """The object is there and not ready."""

    def __init__(self, live: dict[str, Any], why: list[str]) -> None:
        super().__init__("\n".join(why))
        self.live, self.reasons = live, why


class Patience:
    """How long to wait. Asks ever less often, ends at the timeout or when the operation is cancelled."""

    def __init__(self, timeout: float, cancelled: threading.Event) -> None:
        self.timeout = timeout or DEFAULT_TIMEOUT
        self._deadline = time.monotonic() + self.timeout
        self._interval = _FIRST_INTERVAL
        self._cancelled = cancelled

    def exhausted(self) -> str | None:
        """Sleep until it is worth asking again (None), or say why there is no point any more."""
        if self._cancelled.wait(min(self._interval, max(self._deadline - time.monotonic(), 0))):
            return "the operation was cancelled"
        self._interval = min(self._interval * 1.5, _LONGEST_INTERVAL)
        return f"timed out after {self.timeout:g} s" if time.monotonic() >= self._deadline else None


def until_ready(
    cluster: Cluster, reference: Reference, check: Check, patience: Patience, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Wait until the object is ready and return it live."""
    told = ""
    while True:
        live = cluster.get(reference)
        if live is None:
            raise NotReadyError({}, [f"{reference.kind.name} {reference.id} was deleted by somebody while waiting for it"])
        try:
            missing = check(cluster, live)
        except WaitError as failure:
            raise NotReadyError(live, [str(failure), *reasons(cluster, live)]) from failure
        if missing is None:
            return live
        if missing != told:
            tell(f"Waiting for {reference.kind.name} {reference.id}: {missing}")
            told = missing
        if end := patience.exhausted():
            raise NotReadyError(live, [f"{end}: {missing}", *reasons(cluster, live)])


def until_gone(cluster: Cluster, reference: Reference, uid: str, patience: Patience) -> None:
    """Wait until the object, or this incarnation of it, is gone."""
    while True:
        live = cluster.get(reference)
        if live is None or (uid and live["metadata"]["uid"] != uid):
            return
        if end := patience.exhausted():
            held = ", ".join(live["metadata"].get("finalizers") or []) or "none"
            raise NotReadyError(live, [f"{reference.kind.name} {reference.id} is not gone: {end}; finalizers: {held}"])
