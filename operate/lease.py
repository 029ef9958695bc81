"""One change of a Deployment at a time: deploys and people take the same Lease."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.target import Target
from steps import lease as protocol
from steps.text import plain

POLL_SECONDS = 1.0
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
        patience = 3 * protocol.longest(found, _LONGEST)
        if time.monotonic() - begun >= patience:
            held_by, namespace = plain(protocol.holder(found)), target.cluster.workload_namespace(target.environment)
            raise OperateError(
                f"{target} was not free within {patience} s: its Lease is held by {held_by!r}; if that is no deploy: "
                f"kubectl --namespace {namespace} patch lease {target.name} --type merge --patch "
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
        if protocol.holder(found) == holder:
            with suppress(ConflictError):  # it ran out, and somebody has it now
                target.cluster.replace_lease(target.environment, target.name, protocol.given_back(found))


def _take(target: Target, holder: str, seconds: int) -> bool:
    found = target.cluster.lease(target.environment, target.name)
    if protocol.free_in(found, "", _LONGEST):
        return False
    try:
        target.cluster.replace_lease(target.environment, target.name, protocol.taken(found, holder, seconds))
    except ConflictError:
        return False
    return True
