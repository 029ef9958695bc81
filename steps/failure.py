"""Why a run failed, in one line."""

import re
from typing import Any

from steps import notes, pulls
from steps.statuses import LONGEST

Object = dict[str, Any]

_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f]")
# Services are sidecars in Tekton's words.
_ABSENT = re.compile('^the sidecar "([^"]+)" in TaskRun "[^"]+" failed to (pull the image|start)')
_AWAITS = "await-"
# How the step ends that builds images where a RUN of the tests' stage has failed.
TESTS_FAILED = 10
_SUPERSEDED = {
    pulls.CLOSED: "the pull request was closed or moved to another branch",
    pulls.MOVED: "the pull request was moved to another branch",
    pulls.REOPENED: "the pull request was reopened",
}


def line(text: str) -> str:
    """Return a text as one line that a status takes."""
    return _CONTROL.sub(" ", text)[:LONGEST]


def has_failed(task_run: Object, step: str) -> bool:
    """Return whether a step of that name has failed. Those after it are not run then."""
    steps = (task_run.get("status") or {}).get("steps") or []
    return any(found["name"] == step and _code(found) for found in steps)


def exited(step: Object) -> str:
    """Return how a step ended that failed."""
    memory = ", out of memory" if step["terminated"].get("reason") == "OOMKilled" else ""
    return f"failed (exit code {_code(step)}{memory})"


def annotation(task_runs: list[Object], *names: str) -> str:
    """Return what a run is annotated with by one of the names, or nothing. Tekton hands that on to its last TaskRun."""
    annotations = ((run.get("metadata") or {}).get("annotations") or {} for run in task_runs)
    return next((str(found[name]) for found in annotations for name in names if name in found), "")


def superseded(task_runs: list[Object]) -> str:
    """Return by what a run was overtaken, or nothing."""
    by = annotation(task_runs, notes.SUPERSEDED_BY)
    if not by:
        return ""
    return line(f"superseded: {_SUPERSEDED.get(by) or f'the head of the pull request is {by}'}")


def told(run: str, task_runs: list[Object]) -> str:
    """Return why a run failed, as its TaskRuns tell."""
    failed = next((found for found in task_runs if _condition(found).get("status") == "False"), {})
    return line(f"{run}: {_why(failed)}")


def _why(failed: Object) -> str:
    condition, status = _condition(failed), failed.get("status") or {}
    message = condition.get("message") or ""
    step = next((step for step in status.get("steps") or [] if _code(step)), None)
    ended = _ended(status, step)
    besides = f"; {ended}" if ended else ""
    absent = _ABSENT.match(message)
    if absent:
        return f"the service {absent[1]} failed to {absent[2]}"
    if step is None:
        return ended or message or "failed"
    if condition.get("reason") == "TaskRunCancelled":
        return f"cancelled in step {step['name']}"
    if condition.get("reason") == "TaskRunTimeout":
        return f"step {step['name']} did not end within {failed['spec'].get('timeout')}"
    if step["name"].startswith(_AWAITS):
        return f"the service {step['name'].removeprefix(_AWAITS)} did not get ready{besides}"
    if step["name"] == "image" and _code(step) == TESTS_FAILED:
        return f"tests failed (step image){besides}"
    return f"step {step['name']} {exited(step)}{besides}"


def _ended(status: Object, step: Object | None) -> str | None:
    """Return which service had ended. Those that still run after the steps Tekton ends itself."""
    for sidecar in status.get("sidecars") or []:
        gone = sidecar.get("terminated") or {}
        if not _code(sidecar) or gone.get("reason") == "Completed":
            continue
        if step is None or (gone.get("finishedAt") or "") < (step["terminated"].get("finishedAt") or ""):
            return f"the service {sidecar['name']} had ended (exit code {_code(sidecar)})"
    return None


def _condition(task_run: Object) -> Object:
    found: Object = next(iter((task_run.get("status") or {}).get("conditions") or []), {})
    return found


def _code(container: Object) -> int:
    return (container.get("terminated") or {}).get("exitCode") or 0
