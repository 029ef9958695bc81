"""Tells the forge how a run ended: the commit status of this environment, with the reason in one line; whether the commit
can be promoted as it is; and, after a merge, that other pull requests to the same branch no longer can."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from steps import excerpt, failure, kubernetes, notes, statuses, summary
from steps.failure import Object
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given
from steps.kubernetes import Access, ApiError, Kubernetes
from steps.result import log, warn
from steps.statuses import FAILURE, PENDING, SUCCESS, Branch

# The steps that look at the base branch before they tell whether the commit can be promoted; the first one is of runs that
# the last release started.
_LOOKS = ("commits", "stage")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    api: Api
    access: Access
    branch: Branch
    sha: str = given("PARAM_HEAD_SHA")
    environment: str = given("ENVIRONMENT")
    run: str = given("PARAM_RUN")
    status: str = given("PARAM_STATUS")
    """Of all its tasks."""
    namespace: str = given("NAMESPACE")
    untrusted: str = given("UNTRUSTED_ACCOUNT")
    fetch: str = given("FETCH_STEP")
    after_merge: bool = given("AFTER_MERGE")
    masks: Path | None = given("LOG_MASKS")
    """Fingerprints of what pods hold that run a pull request's code; None where their logs are not quoted."""


def run(inputs: Inputs) -> None:
    """Tell. A run whose end cannot be told fails by that, once all else is told."""
    with Forge(inputs.api) as forge:
        if not _Report(inputs, forge).tell():
            raise SystemExit(1)


class _Report:
    def __init__(self, inputs: Inputs, forge: Forge) -> None:
        self._inputs, self._forge, self._told = inputs, forge, True
        self._runs = _task_runs(inputs)
        self._heard = [run for run in self._runs if self._is_believed(run)]
        self.printed: list[str] = []
        """The last lines of the step that failed: somebody else's words, in Markdown for a fence alone."""

    def _is_believed(self, run: Object) -> bool:
        """Return whether no code of a pull request has run there: any step can add results to its TaskRun, declared or not.

        Where the fetch has failed, no step came after it.
        """
        account = (run.get("spec") or {}).get("serviceAccountName")
        return account != self._inputs.untrusted or failure.has_failed(run, self._inputs.fetch)

    def tell(self) -> bool:
        """Return whether all about the run's own commit could be told."""
        inputs, branch = self._inputs, self._inputs.branch
        if failure.annotation(self._runs, notes.SUPERSEDED_BY) == inputs.sha:
            log(f"a newer run of {inputs.sha} tells how it ends")
            return True
        state, description = self._end()
        told = excerpt.quote(self._with_tests(description or inputs.run), self.printed)
        self._say(f"{inputs.environment}{branch.suffix}", state, told)
        promotable = self._result("promotable")
        if promotable == "yes":
            self._say(branch.promotable, SUCCESS, f"{inputs.environment} ran it, and {branch.name} has not moved since")
            if self._overtaken():
                self._say(branch.promotable, FAILURE, branch.moved)
        elif promotable == "no":
            self._say(branch.promotable, FAILURE, branch.moved)
        elif promotable == "untouched":
            self._say(branch.promotable, SUCCESS, description)
        # When a merge's run is started by hand its branch has long moved, and others may have what the merge brought.
        by_hand = failure.annotation(self._runs, *notes.BY_HAND)
        # What others are not told does not make a good promotion a bad one.
        if inputs.after_merge and self._result("touched") != "no" and not by_hand:
            statuses.tell_open_heads(self._forge, branch)
        return self._told

    def _end(self) -> tuple[str, str]:
        reason = self._result("reason")
        # Cancelled between two tasks, a run counts as completed: what it was for has not begun, and no task has failed.
        if self._inputs.status == "Completed" and not reason:
            return FAILURE, failure.superseded(self._runs) or f"{self._inputs.run}: cancelled before it came to the rollout"
        if self._inputs.status in ("Succeeded", "Completed"):
            return SUCCESS, reason
        # People hold it back; their `lift` starts it anew.
        state = PENDING if reason.startswith(notes.QUEUED) else FAILURE
        said = reason or failure.superseded(self._runs)
        if not said:
            inputs = self._inputs
            self.printed = excerpt.printed(inputs.access, inputs.namespace, inputs.untrusted, inputs.masks, self._runs)
        return state, said or failure.told(self._inputs.run, self._runs)

    def _result(self, name: str) -> str:
        value = next(_results(self._heard, name), None)
        return failure.line(value) if isinstance(value, str) else ""

    def _with_tests(self, description: str) -> str:
        """Return a description with what the tests say of themselves. It is quoted, and decides nothing."""
        said = next(filter(summary.is_one, _results(self._runs, "tests")), "")
        before = f"{description}; tests: "
        quoted = summary.shortened(said, statuses.LONGEST - len(before) - len('""'))
        return f'{before}"{quoted}"' if quoted else description

    def _say(self, name: str, state: str, description: str) -> None:
        try:
            statuses.set_status(self._forge, self._inputs.sha, name, state, description)
        except ForgeError as error:
            warn(f"error: {error}")
            warn(f"error: the forge takes no status of {self._inputs.sha}")
            self._told = False

    def _overtaken(self) -> bool:
        """Return whether the commit was told that the branch has moved after this run had looked at the branch.

        What just made it green has hidden that. What moves it later turns it red by itself.
        """
        looked = next(
            (
                _at(step["terminated"]["startedAt"])
                for run in self._heard
                if any(result.get("name") == "promotable" for result in (run.get("status") or {}).get("results") or [])
                for step in run["status"].get("steps") or []
                if step["name"] in _LOOKS and (step.get("terminated") or {}).get("startedAt")
            ),
            None,
        )
        if looked is None:
            return False
        context = statuses.context(self._inputs.branch.promotable)
        try:
            return any(
                status["context"] == context and statuses.state(status) == FAILURE and _at(status["created_at"]) >= looked
                for status in self._forge.get(
                    f"/commits/{self._inputs.sha}/statuses?per_page=100&limit=50&sort=recentupdate"
                )
            )
        except ForgeError as error:
            warn(f"error: {error}")
            return False
        except (TypeError, KeyError, ValueError):
            return False


def _results(runs: list[Object], name: str) -> Iterator[Any]:
    """Yield the results of a name that are not empty."""
    for run in runs:
        for result in (run.get("status") or {}).get("results") or []:
            if result.get("name") == name and result.get("value"):
                yield result["value"]


def _task_runs(inputs: Inputs) -> list[Object]:
    """Return the run's TaskRuns. A status without a reason is better than none."""
    try:
        with Kubernetes(inputs.access) as api:
            selector = f"tekton.dev/pipelineRun={inputs.run}"
            return list(api.items(kubernetes.task_runs(inputs.namespace), labelSelector=selector))
    except ApiError as error:
        warn(str(error))
        return []


def _at(text: Any) -> datetime:
    """Return a time in whole seconds, of 2026-11-22T12:00:00Z, or with another zone than that."""
    return datetime.fromisoformat(text).replace(microsecond=0)
