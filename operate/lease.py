"""One change of a Deployment at a time: deploys and people take the same Lease."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import urllib3
from kubernetes import client

from components.conventions import Manifest
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.patience import done, heard, is_passing
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
        found = _read(target)
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
        try:
            _give_back(target, holder)
        except (client.ApiException, urllib3.exceptions.HTTPError) as error:
            if not is_passing(error):
                raise
            # What was done under it is done.
            say(f"the Lease of {target} could not be given back: it ends by itself, {seconds} s after it was taken")


def _take(target: Target, holder: str, seconds: int) -> bool:
    found = _read(target)
    if protocol.free_in(found, "", _LONGEST):
        return False
    taken = protocol.taken(found, holder, seconds)
    try:
        # Others may have its holder's name, the same person at another terminal: not by the same microsecond.
        done(lambda: _replace(target, taken), lambda: _taken(_read(target)) == _taken(taken))
    except ConflictError:
        return False
    return True


def _give_back(target: Target, holder: str) -> None:
    found = _read(target)
    if protocol.holder(found) != holder:
        return
    with suppress(ConflictError):  # it ran out, and somebody has it now
        done(lambda: _replace(target, protocol.given_back(found)), lambda: _taken(_read(target)) != _taken(found))


def _read(target: Target) -> Manifest:
    return heard(lambda: target.cluster.lease(target.environment, target.name))


def _replace(target: Target, body: Manifest) -> None:
    target.cluster.replace_lease(target.environment, target.name, body)


def _taken(found: Manifest) -> tuple[str, object]:
    """Return by whom a Lease was taken, and when."""
    return protocol.holder(found), (found.get("spec") or {}).get("acquireTime")
