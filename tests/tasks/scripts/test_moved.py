"""touches.sh and tell.sh: what moved the base branch is told to open pull requests, of the applications that it touches."""

import json
from pathlib import Path

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox, git, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.report import API, CURL, statuses

pytestmark = [needs_jq, in_the_tools_images_shell]
ZERO = "0" * 40


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A repository of two applications, and its commits by what they change."""
    folder = tmp_path_factory.mktemp("moved")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    commits = {}
    for name in ("first", "shop", "mail", "nothing"):
        where = folder / name / "a b"
        where.mkdir(parents=True, exist_ok=True)
        (where / "file").write_text(name)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", name)
        commits[name] = git(folder, "rev-parse", "HEAD")
    return folder, commits


def touches(sandbox: Sandbox, repository: Path, before: str, after: str, paths: str) -> tuple[Result, str]:
    scratch = sandbox.root / "scratch"
    scratch.mkdir(exist_ok=True)
    answer = sandbox.root / "touches"
    result = sandbox.run(
        "touches",
        PARAM_REPOSITORY_URL=f"file://{repository}",
        PARAM_PATHS=paths,
        PARAM_BEFORE=before,
        PARAM_AFTER=after,
        SCRATCH=scratch,
        TOUCHES=answer,
    )
    return result, answer.read_text() if answer.exists() else ""


@pytest.mark.parametrize(
    ("before", "after", "paths", "expected"),
    [
        ("first", "shop", "shop", "yes"),
        ("first", "shop", "mail", "no"),
        ("first", "mail", "mail", "yes"),
        ("first", "mail", "lib\nshop/a b", "yes"),
        ("first", "shop", "lib\nshop/a b/file", "yes"),
        ("shop", "mail", "lib\nshop/a b", "no"),
        ("shop", "mail", "m*", "no"),
        ("mail", "first", "shop", "yes"),
    ],
)
def test_a_push_touches_the_applications_whose_paths_it_changes(
    sandbox: Sandbox, moved: tuple[Path, dict[str, str]], before: str, after: str, paths: str, expected: str
) -> None:
    repository, commits = moved
    result, answer = touches(sandbox, repository, commits[before], commits[after], paths)
    assert (result.code, answer) == (0, expected), result.err


def test_without_paths_every_push_touches_it_and_nothing_is_fetched(sandbox: Sandbox) -> None:
    assert touches(sandbox, Path("/nonexistent"), "a" * 40, "b" * 40, "")[1] == "yes"


@pytest.mark.parametrize("before", [ZERO, "a" * 40])
def test_what_cannot_be_compared_touches_it(sandbox: Sandbox, moved: tuple[Path, dict[str, str]], before: str) -> None:
    """A branch that was just made, and what a forced push left behind."""
    repository, commits = moved
    assert touches(sandbox, repository, before, commits["shop"], "mail")[1] == "yes"


@pytest.mark.parametrize("paths", HOSTILE)
def test_paths_are_paths(sandbox: Sandbox, moved: tuple[Path, dict[str, str]], paths: str) -> None:
    repository, commits = moved
    assert touches(sandbox, repository, commits["first"], commits["shop"], paths)[1] == "no"


def tell(sandbox: Sandbox, answer: str, curl: str = "") -> Result:
    pulls = [
        {"head": {"sha": digit * 40}, "base": {"ref": ref}} for digit, ref in (("1", "main"), ("2", "x"), ("3", "main"))
    ]
    sandbox.file("pulls-1.json", json.dumps(pulls))
    sandbox.stub("curl", CURL.format(root=sandbox.root, body=curl))
    return sandbox.run(
        "tell",
        PARAM_REPOSITORY="acme/shop",
        PARAM_BASE_BRANCH="main",
        CONTEXT_SUFFIX="/shop",
        API_URL=API.removesuffix("/repos/acme/shop"),
        TOKEN_FILE=sandbox.file("token", "secret-token"),
        TOUCHES=sandbox.file("touches", answer),
    )


def test_open_pull_requests_to_that_branch_turn_red(sandbox: Sandbox) -> None:
    result = tell(sandbox, "yes")
    assert result.code == 0, result.err
    red = ("failure", "main has moved: update the branch")
    assert statuses(sandbox) == {(digit * 40, "tekton-delivery/promotable/shop"): red for digit in "13"}


def test_of_an_application_that_the_push_does_not_touch_nothing_is_said(sandbox: Sandbox) -> None:
    assert tell(sandbox, "no").code == 0
    assert sandbox.called("curl") == []


def test_what_cannot_be_told_fails_the_step_after_the_others_were(sandbox: Sandbox) -> None:
    result = tell(sandbox, "yes", curl=f"case $url in */statuses/{'1' * 40}) exit 22 ;; esac")
    assert result.code != 0
    assert {sha for sha, _ in statuses(sandbox)} == {"1" * 40, "3" * 40}
