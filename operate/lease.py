"""One change of a Deployment at a time: deploys and people take the same Lease."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from components.conventions import Manifest
from operate.cluster import ConflictError
from operate.target import Target

POLL_SECONDS = 1.0
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


@contextmanager
def lease(target: Target, holder: str, seconds: int, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the Lease of a Deployment. Others take it over after `seconds`, should this program die."""
    waiting = False
    while not _take(target, holder, seconds):
        if not waiting:
            say(f"waiting for a deploy of {target} to end")
        waiting = True
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        found = target.cluster.lease(target.environment, target.name)
        if found.get("spec", {}).get("holderIdentity") == holder:
            with suppress(ConflictError):  # it ran out, and somebody has it now
                target.cluster.replace_lease(target.environment, target.name, found | {"spec": {}})


def _take(target: Target, holder: str, seconds: int) -> bool:
    found = target.cluster.lease(target.environment, target.name)
    if not _free(found.get("spec") or {}):
        return False
    now = datetime.now(UTC).strftime(_FORM)
    spec = {"holderIdentity": holder, "acquireTime": now, "renewTime": now, "leaseDurationSeconds": seconds}
    try:
        target.cluster.replace_lease(target.environment, target.name, found | {"spec": spec})
    except ConflictError:
        return False
    return True


def _free(spec: Manifest) -> bool:
    if not spec.get("holderIdentity"):
        return True
    ends = datetime.fromisoformat(spec["renewTime"]) + timedelta(seconds=spec["leaseDurationSeconds"])
    return ends < datetime.now(UTC)
