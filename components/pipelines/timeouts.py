"""How long a pipeline's tasks and its runs may take. Tekton cuts a task that says nothing off after an hour."""

from components.conventions import Manifest, go_duration, seconds
from components.pipelines.target import Target
from steps import lease

# What a task takes beside the waits that settings bound: its pod, images, fetches and copies.
_OTHERWISE = 1800
# The last task of a run tells how it ended, whatever became of the others.
_END = 600
# A run has at least what Tekton gives one that says nothing.
_SHORTEST = 3600


def limited(task: Manifest, waits: int = 0) -> Manifest:
    """Return a pipeline task with the time that it may take, where settings let it wait for so many seconds."""
    return task | {"timeout": go_duration(f"{_OTHERWISE + waits}s")}


def last(task: Manifest) -> Manifest:
    """Return a finally task with the time that it may take."""
    return task | {"timeout": go_duration(f"{_END}s")}


def rollout(target: Target, *, asks: bool = True) -> int:
    """Return how many seconds a rollout may take, and the wait for others before it; `asks` for one with a smoke check."""
    smoke = seconds(target.smoke_check.timeout) if target.smoke_check and (asks or target.before_rollout) else 0
    return rolling(target.rollout_timeout, target.before_rollout + smoke)


def rolling(rollout_timeout: str, besides: int) -> int:
    """Return how many seconds a rollout may take that has so many for what comes before it and for its smoke check, and the
    wait for others before it."""
    held = lease.seconds(seconds(rollout_timeout), besides)
    return lease.PATIENCE * held + held


def of_run(*pipelines: Manifest) -> Manifest:
    """Return the timeouts of a run of any of these Pipelines, by their specs: tasks may take theirs one after another."""
    longest = max(sum(seconds(task["timeout"]) for task in spec["tasks"]) for spec in pipelines)
    tasks = max(_SHORTEST, longest)
    return {"pipeline": go_duration(f"{tasks + _END}s"), "tasks": go_duration(f"{tasks}s")}


def are_declared(pipeline: Manifest) -> bool:
    """Return whether each task of a Pipeline says how long it may take: in version 0.1.0 they do not."""
    return all("timeout" in task for task in pipeline["tasks"])
