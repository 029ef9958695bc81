"""Tells the forge later what it could not be told when a run ended: it was down, or had been asked too often.

Nothing is kept for it. A run's last TaskRun says what is left (its result `untold`) and, with the others of its run, what
there was to tell; the forge says what it knows. So nothing is told twice, and nothing that something newer has overtaken: a
status of the same context that was set since, or a section of a later run in the comment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from steps import kubernetes, report
from steps.failure import Object
from steps.inputs import StepError, given, read
from steps.kubernetes import PIPELINE_TASK, Access, Kubernetes
from steps.report import Late, Report
from steps.result import log, warn
from steps.text import parsed

UNTOLD = "untold"
# After this long nobody waits for it any more.
_AGE = timedelta(hours=24)
_PARAM = "param"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the job is given."""

    namespace: str = given("NAMESPACE")
    access: Access
    account: str = given("REPORTER_ACCOUNT")
    tasks: str = given("REPORTS")
    """JSON: the Tasks that tell, and of each the variables of its step: a text, or the name of a param in {"param": …}."""


def run(inputs: Inputs) -> None:
    """Tell what is left. What cannot be told now either is left for the next time; a mistake in one keeps no other back."""
    tasks: Mapping[str, Mapping[str, Any]] = parsed(inputs.tasks)
    for task_run in _ended(inputs, tasks):
        name = str(task_run["metadata"]["name"])
        try:
            given_then = _variables(inputs, tasks, task_run)
            late = _late(task_run)
            if late is None:
                continue
            log(f"{name}: {', '.join(sorted(late.what))} may be untold")
            told = Report(read(report.Inputs, given_then), late)
            told.tell()
        except (StepError, LookupError, TypeError, ValueError) as error:
            warn(f"{name}: {error or type(error).__name__}")


def _ended(inputs: Inputs, tasks: Mapping[str, Any]) -> list[Object]:
    """Return the last TaskRuns of runs, newest first: what is told of one is newer than what an older one has to tell."""
    selector = f"{PIPELINE_TASK} in ({','.join(sorted(tasks))})"
    with Kubernetes(inputs.access) as api:
        found = [
            run
            for run in api.items(kubernetes.task_runs(inputs.namespace), labelSelector=selector)
            # Whoever runs as somebody else may say what they like.
            if (run.get("spec") or {}).get("serviceAccountName") == inputs.account and _untold(run)
        ]
    return sorted(found, key=lambda run: str(run["status"].get("startTime")), reverse=True)


def _untold(task_run: Object) -> Any:
    """Return what a TaskRun says that could not be told, or None."""
    for result in (task_run.get("status") or {}).get("results") or []:
        if result.get("name") == UNTOLD and result.get("value"):
            return result["value"]
    return None


def _late(task_run: Object) -> Late | None:
    """Return what is to be told of a run; None for one that nobody waits for any more. Raises ValueError, LookupError."""
    since = datetime.fromisoformat(task_run["status"]["startTime"])
    if since < datetime.now(UTC) - _AGE:
        return None
    said = parsed(_untold(task_run))
    me = said["me"]
    return Late(what=frozenset(map(str, said["what"])), since=since, me=me if isinstance(me, int) else None)


def _variables(inputs: Inputs, tasks: Mapping[str, Mapping[str, Any]], task_run: Object) -> dict[str, str]:
    """Return the variables that the step had, of which the run's params say those that differ between runs."""
    params = {param["name"]: str(param["value"]) for param in (task_run.get("spec") or {}).get("params") or []}
    step = tasks[task_run["metadata"]["labels"][PIPELINE_TASK]]
    values = {name: params[value[_PARAM]] if isinstance(value, dict) else str(value) for name, value in step.items()}
    access = inputs.access
    return values | {
        "NAMESPACE": inputs.namespace,
        "RUN_NAMESPACE": inputs.namespace,
        "API_ACCESS": str(access.folder),
        "KUBERNETES_SERVICE_HOST": access.host,
        "KUBERNETES_SERVICE_PORT": str(access.port),
    }
