"""Keeping what is there: holds of one application, freezes of a whole environment."""

from collections.abc import Callable
from functools import partial

from components.conventions import HOLD
from operate.cluster import Cluster, ConflictError
from operate.errors import OperateError
from operate.lease import lease
from operate.patience import done
from operate.records import Hold, hold
from operate.target import Target, frozen
from steps.notes import all_of, timestamp
from steps.workloads import Workload

# Taking or lifting a hold is one request.
_LEASE_SECONDS = 30
NO_REASON = "no reason given"


def take(target: Target, say: Callable[[str], None], *, reason: str | None, pull_request: int | None) -> Hold:
    """Hold an application. Once this returns nothing is rolled out any more, but updates of the named pull request."""
    by = target.cluster.whoami()
    number = str(pull_request) if pull_request else None
    made = Hold(by=by, reason=reason or NO_REASON, since=timestamp(), pull_request=number)
    with lease(target, f"hold by {by}", _LEASE_SECONDS, say):
        there = hold(target.deployment())
        if there:
            raise OperateError(f"{target} is held already, {there}\nlift it first: operate lift {target}")
        # The one that leads last: a hold that was cut off is none, and is taken or lifted as a whole.
        for each in (*target.others, target.leads):
            _annotate(target, each, made.text())
    return made


def lift(target: Target, say: Callable[[str], None]) -> Hold:
    """End a hold; return what it was."""
    with lease(target, f"lift by {target.cluster.whoami()}", _LEASE_SECONDS, say):
        there = next(filter(None, map(hold, [target.deployment(), *(live for _, live in target.followers())])), None)
        if not there:
            raise OperateError(f"{target} is not held")
        for each in (*target.others, target.leads):
            _annotate(target, each, None)
    return there


def freeze(cluster: Cluster, environment: str, reason: str | None) -> Hold:
    """Freeze an environment. What is being rolled out at this moment still ends."""
    settings, there = frozen(cluster, environment)
    if settings or there:
        raise OperateError(f"{environment} is frozen already, {there or f'by its settings: {settings}'}")
    made = Hold(by=cluster.whoami(), reason=reason or NO_REASON, since=timestamp())
    cluster.patch_freeze(environment, {"frozen": made.text()})
    return made


def unfreeze(cluster: Cluster, environment: str) -> Hold:
    """End a freeze; return what it was."""
    settings, there = frozen(cluster, environment)
    if settings:
        raise OperateError(
            f"{environment} is frozen by its settings: {settings}\nremove `frozen` from its stack file and run `pulumi up`"
        )
    if not there:
        raise OperateError(f"{environment} is not frozen")
    cluster.patch_freeze(environment, {"frozen": None})
    return there


def _annotate(target: Target, workload: Workload, value: str | None) -> None:
    while True:
        live = target.cluster.workload(workload)
        metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "annotations": {HOLD: value}}
        try:
            return done(
                partial(target.cluster.patch_workload, workload, {"metadata": metadata}),
                lambda: all_of(target.cluster.workload(workload)).get(HOLD) == value,
            )
        except ConflictError:
            continue
