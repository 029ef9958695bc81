"""The step moved: what moved the base branch is told to open pull requests, of the applications that it touches."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import HANG_UP, RAW, Forge
from tests.tasks.scripts.conftest import HOSTILE, Result, git

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


def move(sandbox: Sandbox, asked: Forge, repository: Path, before: str, after: str, paths: str, **changed: str) -> Result:
    scratch = sandbox.root / "scratch"
    scratch.mkdir(exist_ok=True)
    env: dict[str, str | Path] = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_REPOSITORY_URL": f"file://{repository}",
        "PARAM_BASE_BRANCH": "main",
        "PARAM_PATHS": paths,
        "PARAM_BEFORE": before,
        "PARAM_AFTER": after,
        "CONTEXT_SUFFIX": "/shop",
        "API_URL": asked.api,
        "TOKEN_FILE": sandbox.file("token", "secret-token"),
        "SCRATCH": scratch,
        "RESULT_UNTOLD_PATH": sandbox.root / "untold",
    }
    return sandbox.step("moved", **env | changed)


def left(sandbox: Sandbox) -> Any:
    """What is told later; None for nothing."""
    file = sandbox.root / "untold"
    return json.loads(file.read_text())["what"] if file.exists() else None


def touches(sandbox: Sandbox, asked: Forge, repository: Path, before: str, after: str, paths: str) -> tuple[Result, str]:
    """What the step does, and whether it says that the application is touched; that alone has it ask the forge."""
    result = move(sandbox, asked, repository, before, after, paths)
    answer = result.out.splitlines()[0].removeprefix("touches the application: ")
    assert bool(asked.calls) == (answer == "yes")
    return result, answer


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
        ("first", "shop", "shop/other", "no"),
        ("mail", "first", "shop", "yes"),
    ],
)
def test_a_push_touches_the_applications_whose_paths_it_changes(
    sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]], before: str, after: str, paths: str, expected: str
) -> None:
    repository, commits = moved
    result, answer = touches(sandbox, asked, repository, commits[before], commits[after], paths)
    assert (result.code, answer) == (0, expected), result.err


def test_without_paths_every_push_touches_it_and_nothing_is_fetched(sandbox: Sandbox, asked: Forge) -> None:
    assert touches(sandbox, asked, Path("/nonexistent"), "a" * 40, "b" * 40, "")[1] == "yes"


@pytest.mark.parametrize("before", [ZERO, "a" * 40])
def test_what_cannot_be_compared_touches_it(
    sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]], before: str
) -> None:
    """A branch that was just made, and what a forced push left behind."""
    repository, commits = moved
    assert touches(sandbox, asked, repository, before, commits["shop"], "mail")[1] == "yes"


def test_what_git_says_of_it_is_shown_plainly(sandbox: Sandbox, asked: Forge) -> None:
    """A forge's words are in that."""
    sandbox.stub("git", r"case $* in *' fetch '*) printf 'remote: \033[31m\302\233no\n' >&2; exit 128 ;; esac")
    result, answer = touches(sandbox, asked, Path("/nonexistent"), "a" * 40, "b" * 40, "mail")
    assert (answer, result.err) == ("yes", "remote:  [31m no\n")


@pytest.mark.parametrize("paths", HOSTILE)
def test_paths_are_paths(sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]], paths: str) -> None:
    repository, commits = moved
    assert touches(sandbox, asked, repository, commits["first"], commits["shop"], paths)[1] == "no"


def tell(sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]], paths: str) -> Result:
    """Have `shop` moved."""
    pulls = [
        {"head": {"sha": digit * 40}, "base": {"ref": ref}} for digit, ref in (("1", "main"), ("2", "x"), ("3", "main"))
    ]
    asked.pulls(pulls)
    repository, commits = moved
    return move(sandbox, asked, repository, commits["first"], commits["shop"], paths)


def test_open_pull_requests_to_that_branch_turn_red(
    sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]]
) -> None:
    result = tell(sandbox, asked, moved, "shop")
    assert result.code == 0, result.err
    red = ("failure", "main has moved: update the branch")
    assert asked.statuses == {(digit * 40, "tekton-delivery/promotable/shop"): red for digit in "13"}
    assert left(sandbox) is None


def test_of_an_application_that_the_push_does_not_touch_nothing_is_said(
    sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]]
) -> None:
    assert tell(sandbox, asked, moved, "mail").code == 0
    assert asked.calls == []


@pytest.mark.parametrize("wrong", [f"{'2' * 40}/../../x", "2" * 39, "\n", "", None, 2, ["2" * 40]])
def test_a_head_that_is_no_commit_is_asked_for_nothing_and_fails_the_step(
    sandbox: Sandbox, asked: Forge, wrong: object
) -> None:
    asked.pulls([{"head": {"sha": sha}, "base": {"ref": "main"}} for sha in ("1" * 40, wrong, "3" * 40)])
    result = move(sandbox, asked, Path("/nonexistent"), "a" * 40, "b" * 40, "")
    assert result.code != 0
    assert "error: the open pull requests cannot be listed, or not all of them" in result.err
    assert {sha for sha, _ in asked.statuses} == {"1" * 40, "3" * 40}
    assert left(sandbox) == ["heads"], "once somebody has mended it"
    assert len(asked.calls) == 6, "two pages, and two questions of each head"


def test_what_cannot_be_told_fails_the_step_after_the_others_were(
    sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]]
) -> None:
    asked.says(f"/statuses/{'1' * 40}", {}, 422)
    result = tell(sandbox, asked, moved, "shop")
    assert result.code != 0
    assert {sha for sha, _ in asked.statuses} == {"1" * 40, "3" * 40}
    assert left(sandbox) == ["heads"]


LIMITED = b"HTTP/1.1 403 No\r\nConnection: close\r\nRetry-After: 3600\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("part", ["/pulls?", f"/commits/{'1' * 40}", f"/statuses/{'1' * 40}"])
@pytest.mark.parametrize(
    ("status", "body"), [(HANG_UP, {}), (429, {}), (503, {}), (RAW, LIMITED)], ids=["down", "429", "503", "limited"]
)
def test_a_forge_that_does_not_answer_fails_no_run_and_is_told_later(
    sandbox: Sandbox, asked: Forge, moved: tuple[Path, dict[str, str]], part: str, status: int, body: Any
) -> None:
    asked.pulls([{"head": {"sha": digit * 40}, "base": {"ref": "main"}} for digit in "13"])
    asked.says(part, body, status)
    repository, commits = moved
    result = move(sandbox, asked, repository, commits["first"], commits["shop"], "shop")
    assert (result.code, left(sandbox)) == (0, ["heads"]), result.err
    assert "told later" in result.err
    assert not [call for call in asked.calls if "3" * 40 in call.path], "and is not asked about the rest"


def test_a_forge_that_gives_no_token_now_fails_no_run_either(sandbox: Sandbox, asked: Forge) -> None:
    asked.says("/access_tokens", {}, 503)
    sandbox.stub("openssl", "printf signature")
    app = {"APP_ID": "1", "APP_INSTALLATION": "2", "APP_KEY_FILE": str(sandbox.file("key", "key")), "APP_RIGHTS": "{}"}
    app |= {"APP_INSTALLATIONS": "", "TOKEN_FILE": ""}
    result = move(sandbox, asked, Path("/nonexistent"), "a" * 40, "b" * 40, "", **app)
    assert (result.code, left(sandbox)) == (0, ["heads"]), result.err


def test_a_token_that_the_forge_refuses_fails_it(sandbox: Sandbox, asked: Forge) -> None:
    asked.says("/pulls?", {}, 401)
    result = move(sandbox, asked, Path("/nonexistent"), "a" * 40, "b" * 40, "")
    assert result.code != 0
    assert left(sandbox) == ["heads"]
