"""The way of one change: each of its runs, environment by environment, with the seconds of its steps and how it ended."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from kubernetes import client

from components.conventions import Manifest, plain
from operate import rebuild, status
from operate.errors import OperateError
from operate.masking import Masking
from operate.runs import EVENT, PULL_REQUEST, RUN, absent, reasons
from operate.target import Target
from steps import failure, logs, tail
from steps.kubernetes import PIPELINE_TASK

# Of what a failed step printed; `logs` shows all of it.
_LINES = 10


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a run."""

    name: str
    """With its task's name, e.g. `build / test`."""
    seconds: float | None
    """None while it runs, and where it has not begun."""
    outcome: str = ""
    """How it ended, where that is not well."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A run of the change."""

    environment: str
    run: str
    event: str
    since: str
    seconds: float | None
    """From its start to its end; None while it goes on."""
    state: str
    """`success`, `failure` or `goes on`."""
    reason: str
    printed: list[str] = field(default_factory=list)
    """The last lines of the step that failed, where nothing else says why and its pod is still there."""
    steps: list[Step] = field(default_factory=list)


def ways(found: Target, number: int, masking: Masking) -> list[Way]:
    """Return the runs of a pull request in an environment and in those before it, as far as they are on this cluster."""
    return [way for each in [*_before(found), found] for way in _of(each, number, masking)]


def _before(found: Target) -> list[Target]:
    """Return the environments that a change goes through before it gets here. None where nobody says so, or elsewhere."""
    try:
        first = rebuild.promotes_from(found)
        if first == found.environment:  # it builds
            return []
        between, source = rebuild.way(found, first, found.cluster)
    except OperateError:
        return []
    return [source, *between]


def _of(target: Target, number: int, masking: Masking) -> Iterator[Way]:
    told = reasons(target)
    task_runs: dict[str, list[Manifest]] = {}
    for each in target.cluster.runs(target.environment, "taskruns", target.application):
        task_runs.setdefault(each["metadata"]["labels"].get(RUN, ""), []).append(each)
    for run in target.cluster.runs(target.environment, "pipelineruns", target.application):
        of = run["metadata"]
        if of["labels"].get(PULL_REQUEST) != str(number):
            continue
        here, live = task_runs.get(of["name"], []), run.get("status") or {}
        condition: Manifest = next(iter(live.get("conditions") or []), {})
        ended = {"True": "success", "False": "failure"}.get(str(condition.get("status")), "goes on")
        said = told.get(of["name"]) or ""
        unsaid = ended == "failure" and not said
        yield Way(
            environment=target.environment,
            run=plain(of["name"]),
            event=plain(of["labels"].get(EVENT, "by hand")),
            since=plain(of["creationTimestamp"]),
            seconds=_seconds(live.get("startTime"), live.get("completionTime")),
            state=ended,
            reason=plain(failure.told(of["name"], here) if unsaid else said),
            printed=_printed(target, here, masking) if unsaid else [],
            steps=[step for each in here for step in _steps(each)],
        )


def _steps(task_run: Manifest) -> Iterator[Step]:
    task = task_run["metadata"]["labels"].get(PIPELINE_TASK, "")
    for step in failure.begun(task_run):
        ended: dict[str, Any] = step.get("terminated") or {}
        yield Step(
            name=plain(f"{task} / {step['name']}"),
            seconds=_seconds(ended.get("startedAt"), ended.get("finishedAt")),
            outcome=failure.exited(task_run, step) if ended.get("exitCode") else "" if ended else "has not ended",
        )


def _printed(target: Target, task_runs: list[Manifest], masking: Masking) -> list[str]:
    run, step = failure.failed(task_runs)
    pod = (run.get("status") or {}).get("podName")
    if step is None or not pod:
        return []
    try:
        # The first one may be the rest of a line, with the rest of a secret in it.
        log = logs.whole(target.cluster.log(target.environment, pod, step["container"], _LINES + 1), _LINES + 1)
        return tail.last(masking.shown(target, run, log))
    except client.ApiException as error:
        # It is gone, or not for everybody who asks.
        return [] if error.status in (403, 404) else [f"its log cannot be read: {error.status} {error.reason}"]


def _seconds(start: Any, end: Any) -> float | None:
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (TypeError, ValueError):
        return None


def data(found: Target, number: int, masking: Masking) -> Manifest:
    """Return all of it as JSON values."""
    return {"runs": [asdict(way) for way in ways(found, number, masking)], "now": _now(found)}


def lines(found: Target, number: int, masking: Masking) -> Iterator[str]:
    """Yield it as text."""
    there = ways(found, number, masking)
    if not there:
        yield absent(number)
    for way in there:
        took = f", {way.seconds:.0f} s" if way.seconds is not None else ""
        yield f"{way.environment}  {way.event}  {way.state}{took}  {way.since}  {way.run}"
        for step in way.steps:
            seconds = "" if step.seconds is None else f"{step.seconds:6.0f} s"
            yield f"  {step.name:30} {seconds:>8}  {step.outcome}".rstrip()
        if way.reason:
            yield f"  {way.reason}"
        yield from (f"    | {line}" for line in way.printed)
    yield f"now: {_now(found)}"


def _now(found: Target) -> str:
    row = status.of(found)
    serves = f"{found} serves {row.pull_request} as {row.commit} since {row.since}" if row.commit else str(found)
    return f"{serves}; {row.state}" if row.state else serves
