"""Decides whether a merged pull request may go on.

The merge lies on the base branch and made what the branch has now, and a mark of the environment before this one is valid
for this repository, this head and the very tree that the merge made: of an application with paths, for what lies there. Or
it is valid for the merge commit itself, rebuilt there. A tag only says where to look.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps import notes
from steps.history import Content, History
from steps.inputs import given
from steps.registry import Keys, Registry
from steps.result import Outcome, log, warn, write
from steps.run import Later
from steps.text import compact, same_repository, several

_POLL_SECONDS = 2.0
# What people may have to approve first, or takes a rollout, is asked for less and less often.
_SLOWER, _SLOWEST_POLL = 1.5, 15.0
# What was copied is there at once, or its registry lost it.
_COPY_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Chain:
    """That the environment before this one delivers on merge too, and vouches once it has rolled out."""

    after: str = given("AFTER_ROLLOUT_OF")
    """Its name."""


class OvertakenError(Exception):
    """The environment before this one has rolled out a later merge, and goes back to none."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a merge claims, and whose word counts."""

    repository: str = given("PARAM_REPOSITORY")
    application: str = given("PARAM_APPLICATION")
    head_sha: str = given("PARAM_HEAD_SHA")
    merge_sha: str = given("PARAM_MERGE_SHA")
    base_branch: str = given("PARAM_BASE_BRANCH")
    pull_request: str = given("PARAM_PULL_REQUEST")
    environment: str = given("ENVIRONMENT")
    promotes_from: str = given("PROMOTES_FROM")
    """The environment before this one."""
    stale_base: str = given("STALE_BASE")
    """`rebuild` to wait for the mark of the merge commit where the head's is about another tree; else `refuse`."""
    keys: Keys
    seconds: int = given("MARK_TIMEOUT")
    """How long a mark is waited for that is not there yet."""
    max_age: int | None = given("MARK_MAX_AGE")
    """How old one may be, in seconds."""
    chain: Chain | None

    @property
    def way_out(self) -> str:
        """What ships it all the same."""
        return f"python -m operate rebuild {self.environment} {self.application} {self.pull_request}"

    @property
    def again(self) -> str:
        """What starts it anew."""
        return f"python -m operate retry {self.environment} {self.application} {self.pull_request}"


@dataclass(frozen=True)
class Proven:
    """An image that may go on."""

    image: str
    """By digest."""
    mark: dict[str, Any]

    @property
    def digest(self) -> str:
        """The image's digest."""
        return self.image.rpartition("@")[2]


@dataclass(frozen=True, kw_only=True)
class Results:
    """What is handed on of a merge."""

    image: Path = given("RESULT_IMAGE_PATH")
    mark: Path = given("MARK")
    """No result: of an application with many paths it is larger than Tekton takes."""
    touched: Path = given("RESULT_TOUCHED_PATH")
    base: Path = given("RESULT_BASE_PATH")

    def hand_on(self, proven: Proven) -> None:
        """Hand on what goes on."""
        write(self.mark, compact(proven.mark))
        write(self.image, proven.image)


def judged(
    claim: Claim, outcome: Outcome, results: Results, paths: Sequence[str], history: History, content: Content
) -> str | None:
    """Return why a merge needs no proof: it does not touch the application (empty), or the base branch has moved on.

    None if it does need one. Refuses what is not on the base branch.
    """
    if not history.commits.is_ancestor("commit", "base"):
        raise outcome.refuse(f"the merge commit {claim.merge_sha} is not on the branch {claim.base_branch}")
    if not content.touched:
        write(results.image, "")
        write(results.touched, "no")
        outcome.say(f"nothing to roll out: the merge does not touch {several(paths)}")
        return ""
    # A commit on the branch need never have been its tip: one within a fast-forward was not, nor does its shape tell. What
    # the branch has now, it has.
    if not content.current:
        moved = f"{claim.base_branch} has moved on since this merge; to ship what it has now: {claim.way_out}"
        return left(moved, outcome, results, history)
    return None


def left(reason: str, outcome: Outcome, results: Results, history: History) -> str:
    """Hand on that nothing goes on, since the base branch has, and return why."""
    write(results.image, "")
    write(results.base, history.commits.commit("base"))
    outcome.say(reason)
    return reason


class Proof:
    """Looks for marks in one registry."""

    def __init__(self, claim: Claim, outcome: Outcome, registry: Registry, image: str, digest: str | None = None) -> None:
        """A copy has the `digest` of what was proven where it came from; else the commits' tags say where to look."""
        self._claim, self._outcome, self._registry, self._image = claim, outcome, registry, image
        self._digest = digest
        self._seconds = _COPY_SECONDS if digest else claim.seconds
        self._log = ""
        self._first: Later[tuple[list[Any], str]] | None = None

    def ask(self) -> None:
        """Ask for the head's marks already, while the commits are fetched."""
        self._first = Later(lambda: self._marks(self._claim.head_sha))

    def prove(self, content: Content, history: History | None = None) -> Proven:
        """Wait for a mark that proves what the merge made, and return it; refuse if none comes.

        In a chain `history` is looked at anew meanwhile. Raises OvertakenError.
        """
        claim, chain = self._claim, self._claim.chain
        deadline, pause = time.monotonic() + self._seconds, _POLL_SECONDS
        while True:
            self._log, stale, old = "", False, False
            # The pull request's head, or the merge commit that was rebuilt because the base branch had moved.
            for commit in (claim.head_sha, claim.merge_sha):
                vouched = self._vouched(commit)
                fit = [mark for mark in vouched if _fingerprint(mark) == content.fingerprint]
                fresh = [mark for mark in fit if self._fresh(mark)]
                if fresh:
                    proven = Proven(f"{self._image}@{fresh[0]['digest']}", fresh[0])
                    log(f"proven: {proven.image}, {compact(content.fingerprint)}")
                    if history and pause > _POLL_SECONDS:
                        history.later()  # what has been merged since keeps its order too
                    return proven
                old, stale = old or bool(fit), stale or bool(vouched)
            if old:
                raise self._outcome.refuse(
                    f"{claim.promotes_from} vouched for it longer ago than mark.maxAge allows; to ship it anew: "
                    f"{claim.way_out}"
                )
            if stale and claim.stale_base == "refuse":
                raise self._outcome.refuse(
                    f"{claim.base_branch} has moved since {claim.promotes_from} ran this; to ship what was merged: "
                    f"{claim.way_out}"
                )
            if time.monotonic() >= deadline:
                warn(self._log.rstrip("\n"), lines=True)
                if chain:
                    raise self._outcome.refuse(
                        f"{chain.after} has not vouched for it within {self._seconds} s, see its status; then: {claim.again}"
                    )
                if other := self._built_elsewhere():
                    raise self._outcome.refuse(
                        f"{other} has built it, not {claim.promotes_from}: name {other} in promotesFrom, then: {claim.again}"
                    )
                raise self._outcome.refuse(
                    f"{claim.promotes_from} has not vouched for it within {self._seconds} s, see its status; then: "
                    f"{claim.way_out}"
                )
            if chain and history and pause == _SLOWEST_POLL and any(self._vouched(later) for later in history.later()):
                raise OvertakenError(f"{chain.after} has rolled out what was merged later, which has this too")
            log(f"waiting for the mark of {claim.promotes_from}")
            time.sleep(min(pause, max(0.1, deadline - time.monotonic())))
            if chain:
                pause = min(pause * _SLOWER, _SLOWEST_POLL)

    def _vouched(self, commit: str) -> list[Any]:
        first, self._first = self._first, None
        found, said = first.result() if first else self._marks(commit)
        self._log += said
        return found

    def _marks(self, commit: str) -> tuple[list[Any], str]:
        """Return the marks of a commit's images that speak of this application, commit and environment, and what was said.

        Marks name the application since a repository may have several.
        """
        claim = self._claim
        digests, said = self._digests(commit)
        found = []
        for digest in digests:
            wanted = {"headSha": commit, "digest": digest, "environment": claim.promotes_from}
            marks, more = self._registry.attested(f"{self._image}@{digest}", claim.keys)
            said += more
            found += [mark for mark in marks if _says(mark, wanted, claim)]
        return found, said

    def _digests(self, commit: str) -> tuple[list[str], str]:
        if self._digest:
            return [self._digest], ""
        # The second one is all that stagings of the last release have set.
        tags = (f"{self._image}:{commit}-{self._claim.promotes_from}", f"{self._image}:{commit}")
        asked = [Later(lambda tag=tag: self._registry.digest(tag)) for tag in tags]  # type: ignore[misc]
        answers = [later.result() for later in asked]
        return list(dict.fromkeys(digest for digest, _ in answers if digest)), "".join(said for _, said in answers)

    def _built_elsewhere(self) -> str:
        """Return an environment that has built the commit where the one that is waited for has not, by their tags."""
        if self._digest:
            return ""
        tags = self._registry.crane("ls", self._image).text.split()
        found = (re.fullmatch(rf"{re.escape(self._claim.head_sha)}-([a-z][a-z0-9-]{{0,19}})", tag) for tag in tags)
        names = sorted({tag[1] for tag in found if tag} - {self._claim.environment})
        return "" if self._claim.promotes_from in names or not names else names[0]

    def _fresh(self, mark: dict[str, Any]) -> bool:
        oldest = self._claim.max_age
        return oldest is None or notes.seconds(mark.get("at")) + oldest >= time.time()


def _says(mark: Any, wanted: dict[str, str], claim: Claim) -> bool:
    """Return whether a statement is about this, and this application or none."""
    if not isinstance(mark, dict) or any(mark.get(name) != value for name, value in wanted.items()):
        return False
    if not same_repository(mark.get("repository"), claim.repository):
        return False
    return bool(_either(mark.get("application"), claim.application) == claim.application)


def _fingerprint(mark: dict[str, Any]) -> Any:
    return _either(mark.get("paths"), mark.get("tree"))


def _either(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None or value is False else value
