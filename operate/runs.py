"""An application's runs: which there are, how they say they ended, and starting one."""

from datetime import UTC, datetime

from components.conventions import DEPLOYER, Manifest, key
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.target import Target

PULL_REQUEST = key("pull-request")
EVENT = key("event")


def newest(target: Target) -> dict[str, Manifest]:
    """Return the newest run of each pull request, in the order in which they came."""
    found: dict[str, Manifest] = {}
    for run in target.cluster.runs(target.environment, "pipelineruns", target.application):
        number = run["metadata"]["labels"].get(PULL_REQUEST)
        if number:
            found.pop(number, None)
            found[number] = run
    return found


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
                said[task["metadata"]["labels"]["tekton.dev/pipelineRun"]] = str(result["value"])
    return said


def moment() -> str:
    """Return now, as it ends the name of a run."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S")


def create(target: Target, body: Manifest) -> str:
    """Start a run. Returns its name."""
    name = str(body["metadata"]["name"])
    try:
        target.cluster.create_run(target.environment, body)
    except ConflictError:
        raise OperateError(f"{name} has just been started by somebody else") from None
    return name
