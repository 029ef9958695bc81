"""One change of a Deployment at a time: deploys and people take the same Lease."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]

# The annotation with the seconds that nobody holds a Lease longer than: the deployer cannot write it.
LEASE_SECONDS = "tekton-delivery/lease-seconds"

# How many times as long as it can be held somebody waits for a Lease.
PATIENCE = 3

_NUMBER = re.compile("[1-9][0-9]{0,8}")
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
# How far the clocks of two machines may be apart. What claims to be later than that counts for nothing.
_SKEW = timedelta(seconds=60)


def seconds(rollout: int, besides: int = 0) -> int:
    """Return how long a deploy holds a Lease at most: its rollout and the way back, and what it takes besides."""
    return 2 * rollout + 30 + besides


def holder(lease: Object) -> str:
    """Return who holds a Lease; empty if nobody does."""
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def longest(lease: Object, otherwise: int) -> int:
    """Return how long a Lease is held at most, as the stack says on it; `otherwise` where that is no number."""
    said = (lease["metadata"].get("annotations") or {}).get(LEASE_SECONDS)
    return int(said) if isinstance(said, str) and _NUMBER.fullmatch(said) else otherwise


def free_in(lease: Object, holder: str, otherwise: int) -> float:
    """Return in how many seconds a Lease is free for `holder`, if nobody gives it back before: 0 if it is.

    It is not held longer than the stack says on it, whatever its holder says. Nobody renews it, or comes from the future.
    A pod that was deleted has left it to the next one of the same TaskRun.
    """
    spec: Mapping[str, Any] = lease.get("spec") or {}
    if spec.get("holderIdentity") in (None, "", holder):
        return 0
    try:
        renewed = datetime.fromisoformat(spec["renewTime"])
        held = timedelta(seconds=min(spec["leaseDurationSeconds"], longest(lease, otherwise)))
        now = datetime.now(UTC)
        if renewed > now + _SKEW:
            return 0
        return max(0.0, (renewed + held - now).total_seconds())
    except (KeyError, TypeError, ValueError):
        return 0


def taken(lease: Object, holder: str, seconds: int) -> Object:
    """Return a Lease as it is once `holder` has it."""
    now = datetime.now(UTC).strftime(_FORM)
    spec = {"holderIdentity": holder, "acquireTime": now, "renewTime": now, "leaseDurationSeconds": seconds}
    return lease | {"spec": spec}


def given_back(lease: Object) -> Object:
    """Return a Lease as it is once nobody has it."""
    return lease | {"spec": {}}
