"""commits.sh: the history of a commit and of the base branch, without a file of the repository."""

from pathlib import Path

import pytest

from components.tasks.step import git_env
from tests.tasks.scripts.conftest import HOSTILE, SSH, Result, Sandbox, git


def commits(sandbox: Sandbox, url: str, commit: str, *, branch: str = "main") -> Result:
    sandbox.stub("ssh", SSH)
    env = git_env() | {"PARAM_REPOSITORY_URL": url, "PARAM_BASE_BRANCH": branch, "PARAM_COMMIT": commit}
    return sandbox.run("commits", HISTORY=sandbox.root / "history", **env)


def test_it_knows_the_commit_the_branch_and_how_they_relate(sandbox: Sandbox, forge: Path) -> None:
    first, second = git(forge, "rev-parse", "HEAD~1"), git(forge, "rev-parse", "HEAD")
    result = commits(sandbox, f"ssh://git@forge.internal:2222{forge}", first)
    assert result.code == 0, result.err
    history = sandbox.root / "history"
    assert git(history, "rev-parse", "commit", "base").split() == [first, second]
    assert git(history, "log", "-1", "--format=%T", "commit") == git(forge, "rev-parse", "HEAD~1^{tree}")
    git(history, "merge-base", "--is-ancestor", "commit", "base")


def test_no_file_and_no_folder_is_fetched(sandbox: Sandbox, forge: Path, head: str) -> None:
    """The pod that holds production's rights has nothing of the pull request but commits."""
    commits(sandbox, f"ssh://git@forge.internal:2222{forge}", head)
    kinds = git(sandbox.root / "history", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    assert set(kinds.split()) == {"commit"}


@pytest.mark.parametrize("commit", ["main", "0" * 39, "0" * 40 + "\nx", HOSTILE[2], HOSTILE[3]])
def test_what_is_no_full_sha_is_refused(sandbox: Sandbox, commit: str) -> None:
    result = commits(sandbox, "ssh://git@forge.internal/shop.git", commit)
    assert result.code != 0
    assert "is no full commit sha (40 hex digits)" in result.err
    assert sandbox.calls == []


def test_a_branch_that_is_not_there_fails(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = commits(sandbox, f"ssh://git@forge.internal:2222{forge}", head, branch="release")
    assert result.code != 0
    assert "release" in result.err
