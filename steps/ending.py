"""How a run ended, as its TaskRuns tell: what a commit status says of it, and what the pull request's comment does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from steps import failure, notes, summary
from steps.comment import Step
from steps.failure import Object
from steps.kubernetes import PIPELINE_TASK
from steps.statuses import FAILURE, PENDING, SUCCESS
from steps.text import plain

# The steps that look at the base branch before they tell whether the commit can be promoted; the first one is of runs that
# the last release started.
_LOOKS = ("commits", "stage")
# Statuses of a run in which no task has failed.
_DONE = ("Succeeded", "Completed")
# What tells how the others ended.
_TELLING = ("report", "report-tests")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What the TaskRuns of a run say."""

    run: str
    status: str
    """Of all its tasks."""
    runs: list[Object]
    unread: str
    """Why they cannot be read; nothing where they are."""
    untrusted: str
    """The service account of pods where a pull request's code runs."""
    fetch: str
    """The step there before which none of it has run."""

    def overtaken_by(self, sha: str) -> bool:
        """Return whether a newer run of the same commit tells how it ends."""
        return failure.annotation(self.runs, notes.SUPERSEDED_BY) == sha

    @property
    def by_hand(self) -> bool:
        """Whether somebody started it by hand."""
        return bool(failure.annotation(self.runs, *notes.BY_HAND))

    def told(self) -> tuple[str, str]:
        """Return the state and what is said of it, which is empty where nothing is."""
        if self.unread:
            # Of one in which tasks were skipped nothing else says whether it did what it was for.
            succeeded = self.status == "Succeeded"
            told = f"{'all tasks succeeded; ' if succeeded else ''}what the run did {failure.unread(self.unread)}"
            return SUCCESS if succeeded else FAILURE, failure.line(told)
        reason = self.result("reason")
        # Cancelled between two tasks, a run counts as completed: what it was for has not begun, and no task has failed.
        if self.status == "Completed" and not reason:
            return FAILURE, failure.superseded(self.runs) or f"{self.run}: cancelled before it came to the rollout"
        if self.status in _DONE:
            return SUCCESS, reason
        # People hold it back; their `lift` starts it anew.
        state = PENDING if reason.startswith(notes.QUEUED) else FAILURE
        return state, reason or failure.superseded(self.runs) or failure.told(self.run, self.runs)

    def superseded(self) -> bool:
        """Return whether something newer overtook it."""
        return self.status != "Succeeded" and bool(failure.superseded(self.runs))

    def unexplained(self) -> bool:
        """Return whether it failed, and nothing says why but the step that did."""
        return not (self.status in _DONE or self.result("reason") or failure.superseded(self.runs))

    def result(self, name: str) -> str:
        """Return a result that is believed, as one line that a status takes."""
        return failure.line(self.whole(name))

    def whole(self, name: str) -> str:
        """Return all of a result that is believed."""
        value = next(_results(self._heard, name), None)
        return plain(value) if isinstance(value, str) else ""

    def tests(self) -> str:
        """Return what the tests say of themselves. It has the form of such a word, and decides nothing."""
        return str(next(filter(summary.is_one, _results(self.runs, "tests")), ""))

    def digest(self) -> str:
        """Return the digest of what was rolled out, or nothing."""
        return self.whole("image").rpartition("@")[2]

    def looked(self) -> datetime | None:
        """Return when the run looked at the base branch to tell whether its commit can be promoted."""
        return next(
            (
                at(step["terminated"]["startedAt"])
                for run in self._heard
                if any(result.get("name") == "promotable" for result in (run.get("status") or {}).get("results") or [])
                for step in run["status"].get("steps") or []
                if step["name"] in _LOOKS and (step.get("terminated") or {}).get("startedAt")
            ),
            None,
        )

    def steps(self) -> list[Step]:
        """Return the steps that have ended, in that order. Those that Tekton skipped are left out."""
        found = []
        for run in self.runs:
            task = str(((run.get("metadata") or {}).get("labels") or {}).get(PIPELINE_TASK) or "")
            for step in [] if task in _TELLING else failure.begun(run):
                ended, name = step.get("terminated") or {}, str(step.get("name"))
                if not ended:
                    continue
                shown = name if name == task or not task else f"{task}.{name}"
                took, failed = _seconds(ended.get("startedAt"), ended.get("finishedAt")), bool(ended.get("exitCode"))
                found.append((str(ended.get("finishedAt")), Step(name=shown, seconds=took, failed=failed)))
        return [step for _, step in sorted(found, key=lambda each: each[0])]

    @property
    def _heard(self) -> list[Object]:
        return [run for run in self.runs if self._is_believed(run)]

    def _is_believed(self, run: Object) -> bool:
        """Return whether no code of a pull request has run there: any step can add results to its TaskRun, declared or not.

        Where the fetch has failed, no step came after it.
        """
        account = (run.get("spec") or {}).get("serviceAccountName")
        return account != self.untrusted or failure.has_failed(run, self.fetch)


def at(text: Any) -> datetime:
    """Return a time in whole seconds, of 2026-11-22T12:00:00Z, or with another zone than that."""
    return datetime.fromisoformat(text).replace(microsecond=0)


def _results(runs: Sequence[Object], name: str) -> Iterator[Any]:
    """Yield the results of a name that are not empty."""
    for run in runs:
        for result in (run.get("status") or {}).get("results") or []:
            if result.get("name") == name and result.get("value"):
                yield result["value"]


def _seconds(start: Any, end: Any) -> float | None:
    try:
        return max(0.0, (at(end) - at(start)).total_seconds())
    except (TypeError, ValueError):
        return None
