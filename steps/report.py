"""Tells the forge how a run ended: the commit status of this environment, with the reason in one line; whether the commit
can be promoted as it is; what the pull request's comment says of it; and, after a merge, that other pull requests to the
same branch no longer can.

What it tells has happened, whether the forge hears of it or not. So a forge that is down, or that is asked too often, fails
no run: what it was not told is the step's result, and told later (steps/retell.py). What it refuses for good fails the run,
since somebody has to mend that: a token, an App's key, a right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from steps import comments, deployments, excerpt, failure, kubernetes, statuses, untold
from steps.comments import Comment
from steps.deployments import ERROR, INACTIVE, QUEUED, Deployment, Deployments
from steps.ending import Ending
from steps.failure import Object
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given, read
from steps.kubernetes import Access, ApiError, ForbiddenError, Kubernetes
from steps.links import Page
from steps.result import log, warn
from steps.statuses import FAILURE, PENDING, SUCCESS, Branch, Heads
from steps.untold import COMMENT, DEPLOYMENT, HEADS, Late, Left

# What the status of a fork's tests is called: they deliver nothing.
_TESTS = "tests"


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
    page: Page | None
    comment: Comment | None
    deployments: Deployments | None
    left: Left | None


def run(inputs: Inputs) -> None:
    """Tell, and say what could not be told. A run fails by what the forge refuses for good, once all else is told."""
    told = Report(inputs)
    told.tell()
    if inputs.left:
        inputs.left.leave(told.untold, told.me)
    if told.refused:
        raise SystemExit(1)
    untold.warn_of(told.untold)


def tell_late(variables: Mapping[str, str], late: Late) -> None:
    """Tell what was left; `variables` are those that the step had."""
    Report(read(Inputs, variables), late).tell()


class Report:
    """What is told of one run."""

    def __init__(self, inputs: Inputs, late: Late | None = None) -> None:
        self._inputs, self._late = inputs, late
        self.me = late.me if late else None
        self.untold = set[str]()
        """What the forge could not be told."""
        self.refused = False
        """Whether it will not take something however often it is told."""
        self._down = False
        self._said = set[str]()

    def tell(self) -> None:
        """Tell all, or, late, what is left of it."""
        inputs = self._inputs
        try:
            with Forge(inputs.api) as forge:
                runs, unread = _task_runs(inputs)
                ending = Ending(
                    run=inputs.run,
                    status=inputs.status,
                    runs=runs,
                    unread=unread,
                    untrusted=inputs.untrusted,
                    fetch=inputs.fetch,
                )
                if ending.overtaken_by(inputs.sha):
                    log(f"a newer run of {inputs.sha} tells how it ends")
                else:
                    self._tell(forge, ending)
        except ForgeError as error:
            warn(f"error: {error}")
            all_of_it = {self._name, inputs.branch.promotable, COMMENT, DEPLOYMENT, HEADS}
            self._failed(error, *(self._late.what if self._late else all_of_it))

    @property
    def _name(self) -> str:
        return f"{self._inputs.environment}{self._inputs.branch.suffix}"

    def _tell(self, forge: Forge, ending: Ending) -> None:
        inputs, branch = self._inputs, self._inputs.branch
        state, description = ending.told()
        printed, tests = self._printed(ending), excerpt.tests(inputs.masks, ending.tests())
        self._say(forge, self._name, state, excerpt.quote(excerpt.with_tests(description or inputs.run, tests), printed))
        promotable = ending.result("promotable")
        if promotable == "yes":
            looked, fresh = ending.looked(), f"{inputs.environment} ran it, and {branch.name} has not moved since"
            if self._late:
                fresh = statuses.fresh_until(inputs.environment, branch, looked or self._late.since)
            if self._say(forge, branch.promotable, SUCCESS, fresh) and self._overtaken(forge, looked):
                self._say(forge, branch.promotable, FAILURE, branch.moved)
        elif promotable == "no":
            self._say(forge, branch.promotable, FAILURE, branch.moved)
        elif promotable == "untouched":
            self._say(forge, branch.promotable, SUCCESS, description)
        elif ending.unread and not inputs.after_merge and inputs.environment != _TESTS:
            self._say(forge, branch.promotable, FAILURE, f"whether it can be promoted {failure.unread(ending.unread)}")
        # When a merge's run is started by hand its branch has long moved, and others may have what the merge brought.
        if inputs.after_merge and ending.result("touched") != "no" and not ending.by_hand:
            self._tell_heads(forge)
        # Last: nobody waits for these.
        self._deployment(ending, state, description)
        self._comment(ending, state, description, printed, tests)

    def _is_left(self, what: str) -> bool:
        """Return whether something is still to be told, and can be now. What cannot is left for later."""
        if self._late and what not in self._late.what:
            return False
        if self._down:
            self.untold.add(what)
        return not self._down

    @property
    def _since(self) -> datetime | None:
        return self._late.since if self._late else None

    def _say(self, forge: Forge, name: str, state: str, description: str) -> bool:
        """Set a status, and return whether it is set. What was set since by anybody knows better than what is told late."""
        sha = self._inputs.sha
        if not self._is_left(name):
            return False
        try:
            if self._late and name not in self._said and statuses.set_since(forge, sha, name, self._late.since):
                log(f"{sha} {name}: was told since")
                return False
            page = self._inputs.page.of(sha) if self._inputs.page else ""
            self.me = statuses.set_status(forge, sha, name, state, description, page) or self.me
            self._said.add(name)
        except ForgeError as error:
            warn(f"error: {error}")
            warn(f"error: the forge takes no status of {sha}")
            self._failed(error, name)
        return name in self._said

    def _tell_heads(self, forge: Forge) -> None:
        """Tell other pull requests. What they are not told does not make a good promotion a bad one."""
        branch, page = self._inputs.branch, self._inputs.page
        if self._is_left(HEADS) and statuses.tell_open_heads(forge, branch, page, self._since) is not Heads.TOLD:
            self.untold.add(HEADS)

    def _deployment(self, ending: Ending, state: str, description: str) -> None:
        """Say how the deployment ended. One that has rolled out nothing never was active."""
        about, inputs = self._inputs.deployments, self._inputs
        if about is None or not self._is_left(DEPLOYMENT):
            return
        became = QUEUED if state == PENDING else state
        if ending.superseded() or (state == SUCCESS and not ending.digest()):
            became = ERROR if ending.unread else INACTIVE
        told = Deployment(sha=inputs.sha, environment=self._name, state=became, description=description or inputs.run)
        if deployments.end(inputs.api, about, self.me, told, self._since) is False:
            self.untold.add(DEPLOYMENT)

    def _printed(self, ending: Ending) -> list[str]:
        """Return the last lines of the step that failed, where nothing else says why: somebody else's words."""
        inputs = self._inputs
        if not ending.unexplained():
            return []
        return excerpt.printed(inputs.access, inputs.namespace, inputs.untrusted, inputs.masks, ending.runs)

    def _comment(self, ending: Ending, state: str, description: str, printed: Sequence[str], tests: str) -> None:
        about = self._inputs.comment
        if about is None or not self._is_left(COMMENT):
            return
        reason = ending.whole("reason") if state != SUCCESS else ""
        told = comments.section(
            about,
            key=self._name,
            state=state,
            reason="; tests: ".join(part for part in (reason or description or self._inputs.run, tests) if part),
            commit=self._inputs.sha,
            digest=ending.digest(),
            promotable=ending.result("promotable"),
            steps=ending.steps(),
            tail="\n".join(printed),
        )
        if comments.tell(self._inputs.api, about, self.me, told) is False:
            self.untold.add(COMMENT)

    def _failed(self, error: ForgeError, *what: str) -> None:
        self.untold.update(what)
        self._down = self._down or error.passing
        self.refused = self.refused or not error.passing

    def _overtaken(self, forge: Forge, looked: datetime | None) -> bool:
        """Return whether the commit was told that the branch has moved after this run had looked at the branch.

        What just made it green has hidden that. What moves it later turns it red by itself.
        """
        if looked is None or self._down:
            return False
        try:
            return statuses.set_since(forge, self._inputs.sha, self._inputs.branch.promotable, looked, FAILURE)
        except ForgeError as error:
            warn(f"error: {error}")
            return False


def _task_runs(inputs: Inputs) -> tuple[list[Object], str]:
    """Return the run's TaskRuns, and why they cannot be read: that is told in their place."""
    try:
        with Kubernetes(inputs.access) as api:
            selector = f"tekton.dev/pipelineRun={inputs.run}"
            return list(api.items(kubernetes.task_runs(inputs.namespace), labelSelector=selector)), ""
    except ForbiddenError as error:
        warn(str(error))
        return [], f"the reporter may not list taskruns in {inputs.namespace}"
    except ApiError as error:
        warn(str(error))
        return [], str(error)
