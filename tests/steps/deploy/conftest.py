"""What the tests of a rollout start from."""

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox, git
from tests.steps.deploy.step import OLD, OLD_NOTES


@pytest.fixture
def cluster(sandbox: Sandbox) -> Cluster:
    return sandbox.serve(image=OLD, notes=OLD_NOTES)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A repository with three merges on one branch, and one on another."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "--quiet", "--initial-branch=base")
    commits = {"path": str(folder)}
    for name in ("before", "first", "second"):
        git(folder, "commit", "--quiet", "--allow-empty", "--message", name)
        commits[name] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "--orphan", "other")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "other")
    commits["other"] = git(folder, "rev-parse", "HEAD")
    return commits
