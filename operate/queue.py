"""Deliveries that met a hold or a freeze, and starting a delivery anew."""

import re

from components.conventions import Manifest, key
from operate.errors import OperateError
from operate.records import hold
from operate.runs import PULL_REQUEST, create, declared_timeouts, moment, newest, reasons, require_end
from operate.target import Target, frozen
from steps.notes import QUEUED

_TIME = re.compile(r"[0-9]{14}$")
# What Tekton and its triggers add to a run.
_THEIRS = ("tekton.dev/", "triggers.tekton.dev/")


def queued(target: Target) -> dict[str, str]:
    """Return the newest runs that were held back, by name, with the reason that they gave."""
    return {run["metadata"]["name"]: reason for run, reason in _held_back(target)}


def start_queued(target: Target) -> list[str]:
    """Start anew what was queued, unless something still holds it back. Returns the new runs' names.

    One that cannot be started keeps no other one; raises OperateError in the end, which names them.
    """
    settings, freeze = frozen(target.cluster, target.environment)
    held = hold(target.deployment())
    if settings or freeze:
        return []
    started, refused = [], []
    for run, _ in _held_back(target):
        if held is None or held.pull_request == run["metadata"]["labels"][PULL_REQUEST]:
            try:
                started.append(start_anew(target, run))
            except OperateError as error:
                refused.append(f"{run['metadata']['name']}: {error}")
    if refused:
        raise OperateError(f"started {', '.join(started) or 'nothing'}, but not {'; '.join(refused)}")
    return started


def _held_back(target: Target) -> list[tuple[Manifest, str]]:
    said = reasons(target)
    told = [(run, said.get(run["metadata"]["name"], "")) for run in newest(target).values()]
    return [(run, reason) for run, reason in told if reason.startswith(QUEUED)]


def retry(target: Target, pull_request: int) -> str:
    """Start the newest delivery of a pull request anew. Returns the new run's name."""
    known = newest(target)
    run = known.get(str(pull_request))
    if run is None:
        there = f"; there are runs of #{', #'.join(known)}" if known else ""
        raise OperateError(f"{target} has no run of #{pull_request}{there}")
    require_end(run)
    return start_anew(target, run)


def start_anew(target: Target, run: Manifest) -> str:
    """Create the same PipelineRun under a name of this second, with the time that it may take by now. Returns the name."""
    old, spec = run["metadata"], run["spec"]
    pipeline = target.cluster.tekton(target.environment, "pipelines", spec["pipelineRef"]["name"])
    allowed = declared_timeouts(pipeline["spec"])
    if allowed:
        # In version 0.1.0 a run told how long its build may take.
        allowed["taskRunSpecs"] = [
            {field: value for field, value in each.items() if field != "timeout"} for each in spec.get("taskRunSpecs", [])
        ]
    body = {
        "apiVersion": run["apiVersion"],
        "kind": run["kind"],
        "metadata": {
            "name": _TIME.sub(moment(), old["name"]),
            "namespace": old["namespace"],
            "labels": {label: value for label, value in old["labels"].items() if not label.startswith(_THEIRS)},
            "annotations": {key("retry-of"): old["name"], key("retried-by"): target.cluster.whoami()},
        },
        "spec": {field: value for field, value in spec.items() if field != "status"} | allowed,
    }
    return create(target, body)
