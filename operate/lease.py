"""One change of a Deployment at a time: deploys and people take the same Lease."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from components.conventions import LEASE_SECONDS, Manifest, plain
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.target import Target

POLL_SECONDS = 1.0
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
# How far the clocks of two machines may be apart. What claims to be later than that counts for nothing.
_SKEW = timedelta(seconds=60)
# Where a stack of an older version does not say how long a Lease is held at most.
_LONGEST = 3600


@contextmanager
def lease(target: Target, holder: str, seconds: int, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the Lease of a Deployment. Others take it over after `seconds`, should this program be killed.

    Raises OperateError if it is not free after three times the longest that a deploy holds it.
    """
    begun = time.monotonic()
    waiting = False
    while not _take(target, holder, seconds):
        found = target.cluster.lease(target.environment, target.name)
        patience = 3 * _longest(found)
        if time.monotonic() - begun >= patience:
            held_by = plain(str((found.get("spec") or {}).get("holderIdentity")))
            raise OperateError(
                f"{target} was not free within {patience} s: its Lease is held by {held_by!r}; if that is no deploy: "
                f"kubectl --namespace {target.environment} patch lease {target.name} --type merge --patch "
                "'{\"spec\": null}'"
            )
        if not waiting:
            say(f"waiting for a deploy of {target} to end")
        waiting = True
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        found = target.cluster.lease(target.environment, target.name)
        if (found.get("spec") or {}).get("holderIdentity") == holder:
            with suppress(ConflictError):  # it ran out, and somebody has it now
                target.cluster.replace_lease(target.environment, target.name, found | {"spec": {}})


def _take(target: Target, holder: str, seconds: int) -> bool:
    found = target.cluster.lease(target.environment, target.name)
    if not _free(found.get("spec") or {}, _longest(found)):
        return False
    now = datetime.now(UTC).strftime(_FORM)
    spec = {"holderIdentity": holder, "acquireTime": now, "renewTime": now, "leaseDurationSeconds": seconds}
    try:
        target.cluster.replace_lease(target.environment, target.name, found | {"spec": spec})
    except ConflictError:
        return False
    return True


def _longest(found: Manifest) -> int:
    """Return how long a Lease is held at most, as the stack says on it: the deployer cannot write there."""
    return int((found["metadata"].get("annotations") or {}).get(LEASE_SECONDS, _LONGEST))


def _free(spec: Manifest, longest: int) -> bool:
    if not spec.get("holderIdentity"):
        return True
    try:
        renewed = datetime.fromisoformat(spec["renewTime"])
        held = timedelta(seconds=min(spec["leaseDurationSeconds"], longest))
    except (KeyError, TypeError, ValueError):
        return True
    now = datetime.now(UTC)
    return renewed > now + _SKEW or renewed + held < now
