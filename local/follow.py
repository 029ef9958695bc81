"""Follows a run on the cluster, and tells each step as it ends and what those that failed have printed."""

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from components.conventions import plain
from components.credential import LOG_MASKS, LOG_MASKS_KEY
from local.errors import UserError
from local.kubernetes_api import Kubernetes, Object, condition, wait_until
from operate.masking import Masking
from steps import failure, logs, tail
from steps.kubernetes import PIPELINE_TASK

# The API server has other work: it is asked often whether the run has ended, and seldom for all TaskRuns, which cost most.
_POLL_SECONDS = 0.5
_LOOKS_PER_STEPS = 4
# What a person takes in of a run that failed: so many of its steps that did, and of what each has printed.
_FAILED_STEPS, _LINES = 4, 20


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
    """Print the steps of a run as they end, until it has ended. Returns whether it succeeded, and its message.

    If it failed, the ends of its failed steps' logs are printed as well, and are the further lines of the message.
    """
    namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
    told: set[tuple[str, str]] = set()
    deadline = time.monotonic() + seconds
    looks = itertools.count()
    while True:
        task_runs: list[Object] = []
        status, message = condition(kubernetes.run(namespace, name))
        tells = status != "Unknown" or next(looks) % _LOOKS_PER_STEPS == 0
        if tells:
            task_runs = kubernetes.task_runs(namespace, name)
        for task_run in task_runs:
            task = _task(task_run)
            for step in failure.begun(task_run):
                ended = step.get("terminated")
                if ended and (task, step["name"]) not in told:
                    told.add((task, step["name"]))
                    line(plain(f"    {task} / {step['name']}: {_outcome(ended)}"))
        if status == "True":
            return True, message
        if status != "Unknown":
            printed = list(_printed(kubernetes, namespace, task_runs))
            for text in printed:
                line(f"    {text}")
            return False, "\n".join([message, *printed])
        if time.monotonic() > deadline:
            raise UserError(f"the run {namespace}/{name} did not end within {seconds:.0f} s: {message}")
        time.sleep(_POLL_SECONDS)


def _printed(kubernetes: Kubernetes, namespace: str, task_runs: list[Object]) -> Iterator[str]:
    """Yield the last lines of the failed steps of a run, each step after its name."""
    failed = [
        (task_run, step)
        for task_run in task_runs
        for step in failure.begun(task_run)
        if (step.get("terminated") or {}).get("exitCode")
    ]
    # That a stack hides nothing is its own setting.
    masking = Masking(lambda text: None)

    def masks() -> str:
        return kubernetes.secret(namespace, LOG_MASKS.secret).get(LOG_MASKS_KEY, "")

    for task_run, step in failed[:_FAILED_STEPS]:
        pod, container = task_run["status"].get("podName"), step.get("container") or f"step-{step['name']}"
        log = logs.last(partial(kubernetes.log, namespace, pod, container)) if pod else ""
        shown = tail.last(masking.lines(namespace, masks, task_run, log), _LINES) if log else []
        yield plain(
            f"{_task(task_run)} / {step['name']} printed{' last:' if shown else ' nothing, or its log cannot be read'}"
        )
        yield from (plain(f"  | {text}") for text in shown)
    if len(failed) > _FAILED_STEPS:
        yield f"{len(failed) - _FAILED_STEPS} more failed steps are not shown"


def _task(task_run: Object) -> str:
    return str(task_run["metadata"]["labels"][PIPELINE_TASK])


def _outcome(ended: Object) -> str:
    seconds = (_time(ended["finishedAt"]) - _time(ended["startedAt"])).total_seconds()
    return f"done ({seconds:.0f} s)" if ended["exitCode"] == 0 else f"failed, exit code {ended['exitCode']}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
