"""Whether a commit is its pull request's head still, as git tells right before it is rolled out.

The run's first step asked as well; what was pushed since may have overtaken this run and be there already.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from steps import notes
from steps.git import Repository
from steps.notes import Object
from steps.run import Later
from steps.waits import awaited


class Head:
    """A ref that has to be a commit, fetched while something else goes on."""

    def __init__(self, url: str, ref: str, folder: Path, trusted: Mapping[str, str], live: Callable[[], Object]) -> None:
        """`ref` is that of the pull request; empty for what no pull request has as its head, a merge."""
        self._url, self._ref, self._commits = url, ref, Repository(folder / "head.git", trusted)
        self._live = live
        self._seen: tuple[object, ...] = ()
        self._first: Later[str] | None = None

    def ask(self, commit: str) -> None:
        """Begin to ask whether it is the head."""
        if self._ref:
            self._first = Later(lambda: self._awaited(commit))

    def wait(self) -> None:
        """Wait for the answer: not while others wait for this run."""
        if self._first:
            self._first.result()

    def moved(self, commit: str, live: Object) -> str | None:
        """Return the head if that is another one; `live` is the Deployment as it was read while others wait.

        If anything was rolled out since it was asked, it is asked again.
        """
        if not self._first:
            return None
        head = self._first.result()
        if head == commit and _rolled_out(live) != self._seen:
            head = self._asked()
        return None if head == commit else head

    def _awaited(self, commit: str) -> str:
        """Ask; again if it is another one, which may be what it was before."""
        self._seen = _rolled_out(self._live())
        self._commits.init()
        return awaited(self._asked, lambda head: head == commit, lambda head: f"{self._ref} is {head}")

    def _asked(self) -> str:
        self._commits.fetch(self._url, [f"+{self._ref}:refs/heads/head"], "--depth=1", "--filter=tree:0")
        return self._commits.commit("refs/heads/head")


def _rolled_out(live: Object) -> tuple[object, ...]:
    return live["metadata"].get("generation"), notes.note(live, "run")
