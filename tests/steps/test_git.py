"""What git does not answer is no answer."""

from pathlib import Path

import pytest

from steps.git import Repository
from tests.steps.conftest import git
from tests.test_texts import PATHS

SHA = "0" * 40


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "commits.git", {})
    made.init()
    return made


def test_a_branch_that_cannot_be_listed_ends_the_step(repository: Repository) -> None:
    with pytest.raises(SystemExit):
        repository.has("base", SHA)


def test_commits_that_cannot_be_compared_end_the_step(repository: Repository) -> None:
    with pytest.raises(SystemExit):
        repository.is_ancestor(SHA, "1" * 40)


@pytest.fixture
def odd(tmp_path: Path) -> tuple[Repository, dict[str, str]]:
    """A repository whose files are called as the settings allow it, and the commits that changed each of them."""
    folder = tmp_path / "odd"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    # What each of them would match if it were a pattern.
    for path in [*PATHS, "app/l", "app/o/x", "a b/x"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("before")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "before")
    commits = {"": git(folder, "rev-parse", "HEAD")}
    for path in [*PATHS, "app/l"]:
        (folder / path).write_text("after")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "after")
        commits[path] = git(folder, "rev-parse", "HEAD")
    return Repository(folder, {}), commits


@pytest.mark.parametrize("path", PATHS)
def test_a_path_stands_for_itself_whatever_git_would_make_of_it(odd: tuple[Repository, dict[str, str]], path: str) -> None:
    repository, commits = odd
    before = dict(zip(list(commits)[1:], list(commits.values()), strict=False))
    assert repository.differs(before[path], commits[path], [path])
    assert not repository.differs(before["app/l"], commits["app/l"], [path])
    kind, _, blob = repository.entry(commits[path], path).partition(" ")
    assert (kind, len(blob)) == ("100644", 40)
    assert blob not in repository.entry(before[path], path)
    assert "\n" not in repository.entry(commits[path], path)
