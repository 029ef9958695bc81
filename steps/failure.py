"""Why a run failed, in one line."""

import re
from typing import Any

from steps import notes, pulls
from steps.statuses import LONGEST
from steps.text import plain

Object = dict[str, Any]

# Services are sidecars in Tekton's words.
_ABSENT = re.compile('^the sidecar "([^"]+)" in TaskRun "[^"]+" failed to (pull the image|start)')
# How the steps are called that wait for a service to get ready.
AWAITS = "await-"
# What raises the limits of the steps whose memory a pull request's code takes, by the steps' names.
_MEMORY = {
    "fetch": "applications[].fetch.memory",
    "test": "build.testResources.memory",
    "image": "build.imageResources.memory",
}
# What gives all of them more time.
_TIMEOUT = "build.timeout"
# How Tekton says it of the TaskRuns that it cancels: `TaskRun cancelled as the PipelineRun it belongs to has timed out.`
_RUN_TIMEOUT = "has timed out"
# By the kernel, or by whoever may.
_KILLED = 137
# How the step ends that builds images where a RUN of the tests' stage has failed.
TESTS_FAILED = 10
_SUPERSEDED = {
    pulls.CLOSED: "the pull request was closed or moved to another branch",
    pulls.MOVED: "the pull request was moved to another branch",
    pulls.REOPENED: "the pull request was reopened",
}


def line(text: str) -> str:
    """Return a text as one line that a status takes."""
    return plain(text)[:LONGEST]


def unread(why: str) -> str:
    """Return the words for what nobody can tell, since TaskRuns cannot be read."""
    return f"cannot be read: {why}"


def has_failed(task_run: Object, step: str) -> bool:
    """Return whether a step of that name has failed. Those after it are not run then."""
    steps = (task_run.get("status") or {}).get("steps") or []
    return any(found["name"] == step and _code(found) for found in steps)


def begun(task_run: Object) -> list[Object]:
    """Return a TaskRun's steps, but for those that Tekton skipped since one before them had failed."""
    steps = (task_run.get("status") or {}).get("steps") or []
    return [step for step in steps if step.get("terminationReason") != "Skipped"]


def failed(task_runs: list[Object]) -> tuple[Object, Object | None]:
    """Return the TaskRun that made a run fail, or an empty one, and which of its steps did, if one did."""
    run = next((found for found in task_runs if _condition(found).get("status") == "False"), {})
    return run, next((step for step in (run.get("status") or {}).get("steps") or [] if _code(step)), None)


def exited(task_run: Object, step: Object) -> str:
    """Return how a step ended that failed, and of its memory the limit with the setting that raises it."""
    code = _code(step)
    limit, setting = memory(task_run, step["name"])
    if _ran_out(step):
        return _out_of_memory(limit, setting)
    # The kernel may have killed a process of the step's and not the step, whose end then says nothing of it.
    if code == _KILLED and setting:
        return f"was killed (exit code {code}); its memory is {limit} ({setting})"
    return f"failed (exit code {code})"


def memory(task_run: Object, step: str) -> tuple[str, str]:
    """Return a step's limit of memory, e.g. `1Gi`, and the setting that raises it; empty where there is none."""
    limit = _limit(task_run, "steps", step)
    return limit, _MEMORY.get(step, "") if limit else ""


def _limit(task_run: Object, kind: str, name: str) -> str:
    declared = ((task_run.get("status") or {}).get("taskSpec") or {}).get(kind) or []
    found: Object = next((each for each in declared if each.get("name") == name), {})
    return str(((found.get("computeResources") or {}).get("limits") or {}).get("memory") or "")


def _ran_out(container: Object) -> bool:
    return bool((container.get("terminated") or {}).get("reason") == "OOMKilled")


def _out_of_memory(limit: str, setting: str) -> str:
    return f"ran out of memory{f' at {limit}' if limit else ''}{f' ({setting})' if limit and setting else ''}"


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
    return line(f"{run}: {_why(*failed(task_runs))}")


def _why(run: Object, step: Object | None) -> str:
    condition = _condition(run)
    message = condition.get("message") or ""
    ended = _ended(run, step)
    besides = f"; {ended}" if ended else ""
    absent = _ABSENT.match(message)
    if absent:
        return f"the service {absent[1]} failed to {absent[2]}"
    if step is None:
        return ended or message or "failed"
    if condition.get("reason") == "TaskRunCancelled" and _RUN_TIMEOUT in message:
        return f"step {step['name']} had not ended when the time of the whole run was over"
    if condition.get("reason") == "TaskRunCancelled":
        return f"cancelled in step {step['name']}"
    if condition.get("reason") == "TaskRunTimeout":
        setting = f" ({_TIMEOUT})" if step["name"] in _MEMORY else ""
        return f"step {step['name']} did not end within {run['spec'].get('timeout')}{setting}"
    if step["name"].startswith(AWAITS):
        return f"the service {step['name'].removeprefix(AWAITS)} did not get ready{besides}"
    if step["name"] == "image" and _code(step) == TESTS_FAILED and not _ran_out(step):
        return f"tests failed (step image){besides}"
    return f"step {step['name']} {exited(run, step)}{besides}"


def _ended(run: Object, step: Object | None) -> str | None:
    """Return which service had ended. Those that still run after the steps Tekton ends itself."""
    for sidecar in (run.get("status") or {}).get("sidecars") or []:
        gone = sidecar.get("terminated") or {}
        if not _code(sidecar) or gone.get("reason") == "Completed":
            continue
        if step is None or (gone.get("finishedAt") or "") < (step["terminated"].get("finishedAt") or ""):
            name = sidecar["name"]
            if _ran_out(sidecar):
                setting = f"services.{name}.resources.memory"
                return f"the service {name} {_out_of_memory(_limit(run, 'sidecars', name), setting)}"
            return f"the service {name} had ended (exit code {_code(sidecar)})"
    return None


def _condition(task_run: Object) -> Object:
    found: Object = next(iter((task_run.get("status") or {}).get("conditions") or []), {})
    return found


def _code(container: Object) -> int:
    return (container.get("terminated") or {}).get("exitCode") or 0
