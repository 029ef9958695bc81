"""Cancels the runs of a pull request that are older than this one, or all of them when the pull request was rejected."""

from dataclasses import dataclass

from steps import kubernetes
from steps.inputs import given
from steps.kubernetes import Access, ApiError, Kubernetes, NotFoundError, Object
from steps.result import log, warn

_EVENT, _REJECTED = "tekton-delivery/event", "rejected"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    pull_request: str = given("PARAM_PULL_REQUEST")
    run: str = given("PARAM_RUN")
    application: str = given("APPLICATION")
    namespace: str = given("NAMESPACE")
    access: Access


def run(inputs: Inputs) -> None:
    """Cancel what is older. A run that goes on fails the step, but keeps no other one going."""
    selector = f"tekton-delivery/pull-request={inputs.pull_request},app.kubernetes.io/name={inputs.application}"
    with Kubernetes(inputs.access) as api:
        runs = list(api.items(kubernetes.runs(inputs.namespace), labelSelector=selector))
        mine = next((run for run in runs if run["metadata"]["name"] == inputs.run), None)
        older = [_name(run) for run in runs if mine and _is_overtaken(run, mine)]
        going_on = [name for name in older if not _cancel(api, kubernetes.runs(inputs.namespace, name), name)]
        if going_on:
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


def _cancel(api: Kubernetes, path: str, name: str) -> bool:
    """Cancel a run, and return whether it ends. Finally tasks still run: the older commit's status must not stay pending."""
    try:
        api.patch(path, {"spec": {"status": "CancelledRunFinally"}}, merge=True)
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
