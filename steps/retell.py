"""Tells the forge later what it could not be told when a run ended: it was down, or had been asked too often.

Nothing is kept for it. The TaskRun that tells says what is left (its result `untold`) and, with the others of its run, what
there was to tell; the forge says what it knows. So nothing is told twice, and nothing that something newer has overtaken: a
status of the same context that was set since, or a section of a later run in the comment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from steps import kubernetes, moved, report, untold
from steps.failure import Object
from steps.inputs import StepError, given
from steps.kubernetes import PIPELINE_TASK, Access, Kubernetes
from steps.result import log, warn
from steps.text import parsed
from steps.untold import Late

# The steps that tell, by name.
_STEPS: Mapping[str, Callable[[Mapping[str, str], Late], None]] = {"report": report.tell_late, "moved": moved.tell_late}
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
    """JSON: the Tasks that tell, of each its step's name and variables: a text, or the name of a param in {"param": …}."""


def run(inputs: Inputs) -> None:
    """Tell what is left. What cannot be told now either is left for the next time; a mistake in one keeps no other back."""
    tasks: Mapping[str, Mapping[str, Any]] = parsed(inputs.tasks)
    for task_run in _ended(inputs, tasks):
        name = str(task_run["metadata"]["name"])
        try:
            task = tasks[task_run["metadata"]["labels"][PIPELINE_TASK]]
            late = _late(task_run)
            if late is None:
                continue
            log(f"{name}: {', '.join(sorted(late.what))} may be untold")
            _STEPS[task["step"]](_variables(inputs, task["env"], task_run), late)
        except (StepError, LookupError, TypeError, ValueError) as error:
            warn(f"{name}: {error or type(error).__name__}")


def _ended(inputs: Inputs, tasks: Mapping[str, Any]) -> list[Object]:
    """Return the TaskRuns that told runs, newest first: what is told of one is newer than what an older one has to tell."""
    selector = f"{PIPELINE_TASK} in ({','.join(sorted(tasks))})"
    with Kubernetes(inputs.access) as api:
        found = [
            run
            for run in api.items(kubernetes.task_runs(inputs.namespace), labelSelector=selector)
            # Whoever runs as somebody else may say what they like.
            if (run.get("spec") or {}).get("serviceAccountName") == inputs.account and untold.word(run)
        ]
    return sorted(found, key=lambda run: str(run["status"].get("startTime")), reverse=True)


def _late(task_run: Object) -> Late | None:
    """Return what is to be told of a run; None for one that nobody waits for any more. Raises ValueError, LookupError."""
    since = datetime.fromisoformat(task_run["status"]["startTime"])
    if since < datetime.now(UTC) - _AGE:
        return None
    return untold.late(untold.word(task_run) or "", since)


def _variables(inputs: Inputs, env: Mapping[str, Any], task_run: Object) -> dict[str, str]:
    """Return the variables that the step had, of which the run's params say those that differ between runs."""
    params = {param["name"]: str(param["value"]) for param in (task_run.get("spec") or {}).get("params") or []}
    values = {name: params[value[_PARAM]] if isinstance(value, dict) else str(value) for name, value in env.items()}
    access = inputs.access
    return values | {
        "NAMESPACE": inputs.namespace,
        "RUN_NAMESPACE": inputs.namespace,
        "API_ACCESS": str(access.folder),
        "KUBERNETES_SERVICE_HOST": access.host,
        "KUBERNETES_SERVICE_PORT": str(access.port),
    }
