"""Deliveries that met a hold or a freeze, and starting a delivery anew."""

import re
from datetime import UTC, datetime

from components.conventions import DEPLOYER, Manifest, key
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.records import hold
from operate.target import Target, frozen

# How deploy.sh and restore.sh say that people hold them back.
QUEUED = "queued: "
PULL_REQUEST = key("pull-request")
EVENT = key("event")
_TIME = re.compile(r"[0-9]{14}$")
# What Tekton and its triggers add to a run.
_THEIRS = ("tekton.dev/", "triggers.tekton.dev/")


def newest(target: Target) -> dict[str, Manifest]:
    """Return the newest run of each pull request, in the order in which they came."""
    found: dict[str, Manifest] = {}
    for run in target.cluster.runs(target.environment, "pipelineruns", target.application):
        number = run["metadata"]["labels"].get(PULL_REQUEST)
        if number:
            found.pop(number, None)
            found[number] = run
    return found


def queued(target: Target) -> dict[str, str]:
    """Return the newest runs that were held back, by name, with the reason that they gave."""
    reasons = {}
    for task in target.cluster.runs(target.environment, "taskruns", target.application):
        # Any step can add results to its TaskRun: one that ran the pull request's code is not believed.
        if task["spec"].get("serviceAccountName") != DEPLOYER:
            continue
        for result in task.get("status", {}).get("results", []):
            if result["name"] == "reason" and str(result["value"]).startswith(QUEUED):
                reasons[task["metadata"]["labels"]["tekton.dev/pipelineRun"]] = str(result["value"])
    names = [run["metadata"]["name"] for run in newest(target).values()]
    return {name: reasons[name] for name in names if name in reasons}


def start_queued(target: Target) -> list[str]:
    """Start anew what was queued, unless something still holds it back. Returns the new runs' names."""
    settings, freeze = frozen(target.cluster, target.environment)
    held = hold(target.deployment())
    if settings or freeze:
        return []
    waiting = queued(target)
    return [
        start_anew(target, run)
        for number, run in newest(target).items()
        if run["metadata"]["name"] in waiting and (held is None or held.pull_request == number)
    ]


def retry(target: Target, pull_request: int) -> str:
    """Start the newest delivery of a pull request anew. Returns the new run's name."""
    known = newest(target)
    run = known.get(str(pull_request))
    if run is None:
        there = f"; there are runs of #{', #'.join(known)}" if known else ""
        raise OperateError(f"{target} has no run of #{pull_request}{there}")
    if not run.get("status", {}).get("completionTime"):
        raise OperateError(f"{run['metadata']['name']} has not ended; cancel it or wait")
    return start_anew(target, run)


def start_anew(target: Target, run: Manifest) -> str:
    """Create the same PipelineRun under a name of this second. Returns the name."""
    old = run["metadata"]
    name = _TIME.sub(datetime.now(UTC).strftime("%Y%m%d%H%M%S"), old["name"])
    body = {
        "apiVersion": run["apiVersion"],
        "kind": run["kind"],
        "metadata": {
            "name": name,
            "namespace": old["namespace"],
            "labels": {label: value for label, value in old["labels"].items() if not label.startswith(_THEIRS)},
            "annotations": {key("retry-of"): old["name"], key("retried-by"): target.cluster.whoami()},
        },
        "spec": {field: value for field, value in run["spec"].items() if field != "status"},
    }
    try:
        target.cluster.create_run(target.environment, body)
    except ConflictError:
        raise OperateError(f"{name} has just been started by somebody else") from None
    return name
