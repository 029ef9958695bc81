"""git, as far as steps need it. How it fetches its variables say, which a Task gives."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from steps.run import Done, checked, lines, run, succeeded


class Repository:
    """A bare repository, made for this step."""

    def __init__(self, folder: Path, trusted: Mapping[str, str]) -> None:
        self._folder = folder
        given = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
        self._env = given | dict(trusted)

    def init(self) -> None:
        """Make it."""
        checked(["git", "init", "--quiet", "--bare", str(self._folder)], self._env)

    def fetch(self, url: str, refs: Sequence[str], *options: str) -> None:
        """Fetch commits; ends the step if that fails."""
        self._checked("fetch", "--quiet", "--no-tags", *options, "--", url, *refs)

    def fetched(self, url: str, refs: Sequence[str], *options: str) -> Done:
        """Fetch commits, and return how that ended."""
        return self._run("fetch", "--quiet", "--no-tags", *options, "--", url, *refs)

    def after(self, commit: str, branch: str, most: int) -> list[str]:
        """Return the shas that a branch had as its tips since a commit, as far as its history tells; the latest first."""
        return self._checked("rev-list", "--first-parent", f"--max-count={most}", f"{commit}..{branch}").text.split()

    def tree(self, commit: str) -> str:
        """Return a commit's tree."""
        return self._checked("log", "-1", "--format=%T", commit).text

    def commit(self, revision: str) -> str:
        """Return the sha of a commit."""
        return self._checked("rev-parse", revision).text

    def second_parent(self, commit: str) -> str:
        """Return a merge commit's second parent; empty if there is none."""
        return self._run("rev-parse", "--quiet", "--verify", f"{commit}^2").text

    def merge_base(self, one: str, other: str) -> str:
        """Return where two commits parted; ends the step if they have nothing in common."""
        return self._checked("merge-base", one, other).text

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Return whether a commit is in another one; ends the step where git cannot tell."""
        done = self._run("merge-base", "--is-ancestor", older, newer)
        return done.code != 1 and succeeded(done).code == 0

    def has(self, branch: str, commit: str) -> bool:
        """Return whether a branch has a commit; ends the step where git cannot tell.

        Not by merge-base: git asks the forge for a commit that it has not.
        """
        return commit in lines(["git", "-C", str(self._folder), "rev-list", branch], self._env)

    def differs(self, one: str, other: str, paths: Sequence[str]) -> bool:
        """Return whether two commits differ below one of these paths, or cannot be compared."""
        return self._run("--literal-pathspecs", "diff-tree", "-r", "--quiet", one, other, "--", *paths).code != 0

    def entry(self, commit: str, path: str) -> str:
        """Return what a commit has at a path, as mode and name; empty if nothing."""
        return self._checked("--literal-pathspecs", "ls-tree", "--format=%(objectmode) %(objectname)", commit, path).text

    def _run(self, *arguments: str) -> Done:
        return run(["git", "-C", str(self._folder), *arguments], self._env)

    def _checked(self, *arguments: str) -> Done:
        return checked(["git", "-C", str(self._folder), *arguments], self._env)
