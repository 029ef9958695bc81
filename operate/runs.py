"""An application's runs: which there are, how they say they ended, and starting one."""

import time
from datetime import UTC, datetime

from components.conventions import DEPLOYER, Manifest, key, plain
from components.pipelines import timeouts
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.patience import heard
from operate.target import Target
from steps.notes import SUPERSEDED_BY

PULL_REQUEST = key("pull-request")
EVENT = key("event")
# Of a TaskRun, by Tekton.
RUN = "tekton.dev/pipelineRun"
POLL_SECONDS = 3.0


def newest(target: Target) -> dict[str, Manifest]:
    """Return the newest run of each pull request, in the order in which they came.

    One that was overtaken counts only where no other is left: webhooks come out of order, and it may have come last.
    """
    found: dict[str, Manifest] = {}
    for run in target.cluster.runs(target.environment, "pipelineruns", target.application):
        number = run["metadata"]["labels"].get(PULL_REQUEST)
        if number and not (number in found and _is_overtaken(run)):
            found.pop(number, None)
            found[number] = run
    return found


def _is_overtaken(run: Manifest) -> bool:
    return SUPERSEDED_BY in (run["metadata"].get("annotations") or {})


def absent(number: int) -> str:
    """Return the sentence for a pull request without a run."""
    return f"no run of #{number} is there: none was started, or all have been pruned (`keepRuns`)"


def require_end(run: Manifest) -> None:
    """Raise OperateError if a run goes on."""
    if not run.get("status", {}).get("completionTime"):
        raise OperateError(f"{run['metadata']['name']} has not ended; cancel it or wait")


def reasons(target: Target) -> dict[str, str]:
    """Return what the steps that roll out say of how each run ended, by the run's name."""
    said = {}
    for task in target.cluster.runs(target.environment, "taskruns", target.application):
        # Any step can add results to its TaskRun: one that ran the pull request's code is not believed.
        if task["spec"].get("serviceAccountName") != DEPLOYER:
            continue
        for result in task.get("status", {}).get("results", []):
            if result["name"] == "reason":
                said[task["metadata"]["labels"][RUN]] = plain(str(result["value"]))
    return said


def results(target: Target, name: str) -> dict[str, str]:
    """Return the results of a run with one task."""
    return {
        result["name"]: str(result["value"])
        for task in target.cluster.runs(target.environment, "taskruns", target.application)
        if task["metadata"]["labels"].get(RUN) == name
        for result in task.get("status", {}).get("results", [])
    }


def await_end(target: Target, name: str) -> Manifest:
    """Wait for a run to end; its own timeouts are the limit. Returns how it did: `status` is True if it succeeded.

    An API server may be silent for a while meanwhile (`operate/patience.py`): the run goes on.
    """
    while True:
        there = heard(lambda: target.cluster.runs(target.environment, "pipelineruns", target.application))
        found = [run for run in there if run["metadata"]["name"] == name]
        if not found:
            raise OperateError(f"{name} is gone; somebody deleted it")
        if found[0].get("status", {}).get("completionTime"):
            (condition,) = found[0]["status"]["conditions"]
            return dict(condition) | {"message": plain(str(condition.get("message", "")))}
        time.sleep(POLL_SECONDS)


def declared_timeouts(pipeline: Manifest) -> Manifest:
    """Return the timeouts that a run of a Pipeline needs, by its spec; nothing where the stack is of an older version."""
    return {"timeouts": timeouts.of_run(pipeline)} if timeouts.are_declared(pipeline) else {}


def moment() -> str:
    """Return now, as it ends the name of a run: in UTC, as in the names of those that the listener starts.

    The pull request's comment goes by the order of these names.
    """
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S")


def create(target: Target, body: Manifest) -> str:
    """Start a run. Returns its name."""
    name = str(body["metadata"]["name"])
    try:
        target.cluster.create_run(target.environment, body)
    except ConflictError:
        raise OperateError(f"{name} has just been started by somebody else") from None
    return name
