"""The history of one commit and of the base branch, without trees and files, and what it says about the application."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steps import notes
from steps.git import Repository
from steps.inputs import given
from steps.result import log, warn

# How many of the commits that came later are looked at.
_LATER = 5
# Where commits are fetched to, in the folder that a step is given.
COMMITS = "commits.git"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the application's commits come from."""

    url: str = given("PARAM_REPOSITORY_URL")
    base_branch: str = given("PARAM_BASE_BRANCH")
    paths: tuple[str, ...] = given("PARAM_PATHS")
    """What in the repository the application is made of; empty for all of it."""
    folder: Path = given("HISTORY")


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a commit says about the application."""

    tree: str
    """The commit's."""
    paths: Mapping[str, str] | None
    """For an application with paths, what lies there."""
    current: bool
    """Whether the base branch has nothing for the application that the commit has not; after a merge: the very same."""
    touched: bool
    """Whether the pull request changes the application."""
    tested: bool
    """Whether a merge made of the application what the pull request's head was, where that was asked."""

    @property
    def fingerprint(self) -> Any:
        """What a mark must be about: the paths' trees, or the whole tree."""
        return self.tree if self.paths is None else self.paths

    def data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class Past:
    """Commits by which merges keep their order: the refs `commit` and `base`."""

    commits: Repository
    looked: float
    """When the base branch was looked at."""


class History(Past):
    """What is fetched of a repository; the ref `head` too, after a merge that is looked at closely."""

    def __init__(self, source: Source, trusted: Mapping[str, str]) -> None:
        super().__init__(Repository(source.folder / COMMITS, trusted), 0)
        self._source = source
        # Of single commits, and of folders alone: a lazy fetch would take a request for each folder on the way.
        self._trees = Repository(source.folder / "trees.git", trusted)

    def fetch(self, commit: str, merged_head: str = "", *, compare: bool = False) -> Content:
        """Fetch, and tell what the commit says.

        `merged_head` is for a merge; `compare` asks whether it made what that was.
        """
        for sha in (commit, merged_head):
            if sha and not notes.sha(sha):
                warn(f"error: '{sha}' is no full commit sha (40 hex digits)")
                raise SystemExit(1)
        self.looked = time.time()
        self.commits.init()
        refs = [self._base, f"+{commit}:refs/heads/commit"]
        self.commits.fetch(self._source.url, refs, "--filter=tree:0")
        tree = self.commits.tree("commit")
        log(f"{commit} has tree {tree}")
        if not self._source.paths:
            return self._whole(tree, merged_head, compare=compare)
        self._trees.init()
        return self._merged(tree, commit, merged_head) if merged_head else self._proposed(tree, commit)

    def later(self) -> list[str]:
        """Look at the base branch anew; return what it has got since the commit, the latest first.

        If the forge does not answer, it is what it was.
        """
        looked = time.time()
        done = self.commits.fetched(self._source.url, [self._base], "--filter=tree:0")
        if done.code:
            warn(f"error: {done.errors.rstrip()}", lines=True)
        else:
            self.looked = looked
        return self.commits.after("commit", "base", _LATER)

    @property
    def _base(self) -> str:
        return f"+refs/heads/{self._source.base_branch}:refs/heads/base"

    def _whole(self, tree: str, merged_head: str, *, compare: bool) -> Content:
        if not merged_head:
            current, tested = self.commits.is_ancestor("base", "commit"), False
        else:
            current = self.commits.tree("base") == tree
            if compare:
                self._fetch_head(merged_head)
            tested = compare and self.commits.tree("head") == tree
        return Content(tree=tree, paths=None, current=current, touched=True, tested=tested)

    def _proposed(self, tree: str, commit: str) -> Content:
        base, fork = self.commits.commit("base"), self.commits.merge_base("base", "commit")
        self._fetch_trees(commit, base, fork)
        here, before, now = self._content(commit), self._content(fork), self._content(base)
        return Content(tree=tree, paths=here, current=now in (before, here), touched=here != before, tested=False)

    def _merged(self, tree: str, commit: str, head: str) -> Content:
        """What the merge changed on the base branch.

        Of a rebase only the last commit is told, so the pull request's own commits must not touch the application either,
        unless it is this pull request's merge commit. A fast-forward does not tell where the pull request began: it may
        touch it.
        """
        self._fetch_head(head)
        base, parent = self.commits.commit("base"), self.commits.commit("commit^1")
        fork = self.commits.merge_base("head", "commit^1")
        self._fetch_trees(commit, base, parent, head, fork)
        here, before, own, now = map(self._content, (commit, parent, head, base))
        touched = True
        if here == before and head != commit and not self.commits.is_ancestor("head", "commit^1"):
            touched = own != self._content(fork) and self.commits.second_parent("commit") != head
        return Content(tree=tree, paths=here, current=now == here, touched=touched, tested=own == here)

    def _fetch_head(self, head: str) -> None:
        self.commits.fetch(self._source.url, [f"+{head}:refs/heads/head"], "--filter=tree:0")

    def _fetch_trees(self, *commits: str) -> None:
        self._trees.fetch(self._source.url, commits, "--depth=1", "--filter=blob:none")

    def _content(self, commit: str) -> dict[str, str]:
        return {path: self._trees.entry(commit, path) for path in self._source.paths}
