"""Follows a run on the cluster and tells each step as it ends."""

import itertools
import time
from collections.abc import Callable
from datetime import datetime

from components.conventions import plain
from local.errors import UserError
from local.kubernetes_api import Kubernetes, Object, condition, wait_until

# The API server has other work: it is asked often whether the run has ended, and seldom for all TaskRuns, which cost most.
_POLL_SECONDS = 0.5
_LOOKS_PER_STEPS = 4


def wait_for_run(
    kubernetes: Kubernetes, namespace: str, pull_request: int, seconds: float = 30, known: int = 0, application: str = ""
) -> Object:
    """Return the newest run of a pull request in a delivery namespace, once there are more than `known` of them.

    Numbers are a repository's own: where there are several, `application` says whose runs count.
    """

    def found() -> list[Object]:
        runs = kubernetes.runs(namespace, pull_request=str(pull_request))
        return [run for run in runs if application in ("", run["metadata"]["labels"]["app.kubernetes.io/name"])]

    wait_until(
        lambda: len(found()) > known,
        seconds,
        f"no run was started in {namespace} for pull request #{pull_request}",
        lambda: f"Look at the listener: kubectl --namespace {namespace} logs deployment/el-chespirito-github-el",
    )
    return found()[-1]


def follow(kubernetes: Kubernetes, run: Object, line: Callable[[str], object], seconds: float = 300) -> tuple[bool, str]:
    """Print the steps of a run as they end, until it has ended. Returns whether it succeeded, and its message."""
    namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
    told: set[tuple[str, str]] = set()
    deadline = time.monotonic() + seconds
    looks = itertools.count()
    while True:
        status, message = condition(kubernetes.run(namespace, name))
        tells = status != "Unknown" or next(looks) % _LOOKS_PER_STEPS == 0
        for task_run in kubernetes.task_runs(namespace, name) if tells else ():
            task = task_run["metadata"]["labels"]["tekton.dev/pipelineTask"]
            for step in task_run.get("status", {}).get("steps", []):
                ended = step.get("terminated")
                if ended and (task, step["name"]) not in told:
                    told.add((task, step["name"]))
                    line(plain(f"    {task} / {step['name']}: {_outcome(ended)}"))
        if status != "Unknown":
            return status == "True", message
        if time.monotonic() > deadline:
            raise UserError(f"the run {namespace}/{name} did not end within {seconds:.0f} s: {message}")
        time.sleep(_POLL_SECONDS)


def _outcome(ended: Object) -> str:
    seconds = (_time(ended["finishedAt"]) - _time(ended["startedAt"])).total_seconds()
    return f"done ({seconds:.0f} s)" if ended["exitCode"] == 0 else f"failed, exit code {ended['exitCode']}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
