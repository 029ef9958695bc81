"""What the steps of a pull request's newest run have printed."""

from collections.abc import Iterator

from kubernetes import client

from components.conventions import plain
from operate.errors import OperateError
from operate.masking import Masking
from operate.runs import RUN, absent, newest
from operate.target import Target
from steps import failure
from steps.kubernetes import PIPELINE_TASK

_NOT_FOUND = 404


def lines(target: Target, number: int, wanted: str | None, masking: Masking) -> Iterator[str]:
    """Yield the log of each step that failed, or of all where none did; or of those `wanted` by a step's or a task's name.

    Raises OperateError where there is no run, or no such step.
    """
    run = newest(target).get(str(number))
    if run is None:
        raise OperateError(absent(number))
    name = run["metadata"]["name"]
    begun = []
    for each in target.cluster.runs(target.environment, "taskruns", target.application):
        labels, status = each["metadata"]["labels"], each.get("status") or {}
        if labels.get(RUN) == name:
            task, pod = labels.get(PIPELINE_TASK, ""), status.get("podName") or ""
            begun += [(task, step, pod, each) for step in failure.begun(each) if pod]
    failed = [each for each in begun if (each[1].get("terminated") or {}).get("exitCode")]
    chosen = [each for each in begun if wanted in (each[0], each[1]["name"])] if wanted else failed or begun
    if not chosen:
        there = ", ".join(f"{task} / {step['name']}" for task, step, *_ in begun) or "none yet"
        raise OperateError(f"{plain(name)} has no step {wanted!r} that has begun; it has {there}")
    for task, step, pod, task_run in chosen:
        yield plain(f"== {task} / {step['name']}, {name}")
        try:
            log = target.cluster.log(target.environment, pod, step["container"])
            yield "\n".join(masking.shown(target, task_run, log)).rstrip("\n")
        except client.ApiException as error:
            if error.status != _NOT_FOUND:
                raise
            yield "its pod is gone, and its log with it"
