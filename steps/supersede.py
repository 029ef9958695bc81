"""Cancels the runs of a pull request that are older than this one, or all of them when the pull request was rejected.

A run whose own event is not true any more cancels itself and no other one.
"""

import time
from dataclasses import dataclass
from typing import NoReturn

from steps import kubernetes, notes, pulls
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given
from steps.kubernetes import Access, ApiError, Kubernetes, NotFoundError, Object
from steps.pulls import PullRequest
from steps.result import log, warn

_EVENT, _REJECTED = "tekton-delivery/event", "rejected"
# Tekton ends the pod of a run that is cancelled within seconds. One that it does not end fails.
_ENDED_WITHIN = 60.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """Which run this is."""

    name: str = given("PARAM_RUN")
    application: str = given("APPLICATION")
    namespace: str = given("NAMESPACE")
    access: Access


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    mine: Run
    pull_request: PullRequest
    api: Api


def run(inputs: Inputs) -> None:
    """Cancel what a rejection ends. Where the forge does not answer, its webhook counts."""
    try:
        with Forge(inputs.api) as forge:
            by = pulls.taken_up(forge, inputs.pull_request)
    except ForgeError as error:
        warn(f"error: {error}")
        by = None
    if by:
        give_up(inputs.mine, by)
    cancel_older(inputs.mine, inputs.pull_request, pulls.CLOSED)


def cancel_older(mine: Run, pull_request: PullRequest, by: str) -> None:
    """Cancel what is older, and note by what. A run that goes on fails the step, but keeps no other one going."""
    selector = f"tekton-delivery/pull-request={pull_request.number},app.kubernetes.io/name={mine.application}"
    with Kubernetes(mine.access) as api:
        runs = list(api.items(kubernetes.runs(mine.namespace), labelSelector=selector))
        me = next((run for run in runs if _name(run) == mine.name), None)
        older = [_name(run) for run in runs if me and _is_overtaken(run, me)]
        going_on = [name for name in older if not _cancel(api, kubernetes.runs(mine.namespace, name), name, by)]
        if going_on:
            raise SystemExit(1)


def give_up(mine: Run, by: str) -> NoReturn:
    """Cancel this run, and wait for it to end: until Tekton knows, it would start what comes next."""
    log(f"this run is overtaken ({by}), and ends; it cancels no other one")
    with Kubernetes(mine.access) as api:
        if _cancel(api, kubernetes.runs(mine.namespace, mine.name), mine.name, by):
            time.sleep(_ENDED_WITHIN)
    raise SystemExit(1)


def _is_overtaken(run: Object, mine: Object) -> bool:
    """Return whether a run goes on that is older.

    Times have whole seconds. Of two runs of the same second the one whose name sorts last goes on, so that they do not end
    each other; a rejection ends both.
    """
    ended = (run.get("status") or {}).get("completionTime") is not None
    if _name(run) == _name(mine) or ended or (run.get("spec") or {}).get("status") is not None or _is_rejection(run):
        return False
    created, now = run["metadata"]["creationTimestamp"], mine["metadata"]["creationTimestamp"]
    return bool(created < now or (created == now and (_is_rejection(mine) or _name(run) < _name(mine))))


def _is_rejection(run: Object) -> bool:
    return bool((run["metadata"].get("labels") or {}).get(_EVENT) == _REJECTED)


def _name(run: Object) -> str:
    return str(run["metadata"]["name"])


def _cancel(api: Kubernetes, path: str, name: str, by: str) -> bool:
    """Cancel a run, and return whether it ends. Finally tasks still run: the older commit's status must not stay pending."""
    change = {"metadata": {"annotations": {notes.SUPERSEDED_BY: by}}, "spec": {"status": "CancelledRunFinally"}}
    try:
        api.patch(path, change, merge=True)
    except ApiError as error:
        warn(str(error))
        # It may have ended meanwhile, or be gone.
        if not _has_ended(api, path):
            warn(f"error: {name} goes on")
            return False
        return True
    log(f"{name} is cancelled")
    return True


def _has_ended(api: Kubernetes, path: str) -> bool:
    try:
        return (api.get(path).get("status") or {}).get("completionTime") is not None
    except NotFoundError:
        return True
    except ApiError as error:
        warn(str(error))
        return False
