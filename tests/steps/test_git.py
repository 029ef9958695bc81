"""What git does not answer is no answer."""

from pathlib import Path

import pytest

from steps.git import Repository

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
