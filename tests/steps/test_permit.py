"""The step permit: what a comment says counts for nothing, what the forge says about it does."""

from pathlib import Path
from typing import Any

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import AT, RAW, Forge
from tests.tasks.scripts.conftest import Result

SHA, HEAD = "a" * 40, "b" * 40
FORK = {"full_name": "mallory/shop"}


def pull(**changes: Any) -> dict[str, Any]:
    return {"state": "open", "base": {"ref": "main"}, "head": {"sha": SHA, "repo": FORK}} | changes


def comment(**changes: Any) -> dict[str, Any]:
    """As Gitea tells it; GitHub has an address of its API in `issue_url`."""
    page = "https://forge.example/acme/shop/pulls/7"
    told = {"user": {"login": "alice"}, "body": f"/ok-to-test {SHA}", "pull_request_url": page, "issue_url": ""}
    return told | changes


def permit(
    sandbox: Sandbox,
    asked: Forge,
    *,
    permission: str = "write",
    about: dict[str, Any] | None = None,
    word: dict[str, Any] | None = None,
) -> tuple[Result, str, str]:
    """How the step ends when the forge says this: the answer, and the reason."""
    asked.says("/permission", {"permission": permission})
    asked.says("/pulls/7", about or pull())
    asked.says("/issues/comments/23", comment() if word is None else word)
    result = run(sandbox, asked)
    return result, answer(sandbox, "permitted"), answer(sandbox, "reason")


def run(sandbox: Sandbox, asked: Forge, commenter: str = "alice") -> Result:
    for name in ("permitted", "reason"):
        (sandbox.root / name).unlink(missing_ok=True)
    return sandbox.step(
        "permit",
        PARAM_REPOSITORY="acme/shop",
        PARAM_BASE_BRANCH="main",
        PARAM_PULL_REQUEST="7",
        PARAM_HEAD_SHA=SHA,
        PARAM_COMMENTER=commenter,
        PARAM_COMMENT="23",
        API_URL=asked.api,
        TOKEN_FILE=sandbox.file("token", "secret-token"),
        RESULT_PERMITTED_PATH=sandbox.root / "permitted",
        RESULT_REASON_PATH=sandbox.root / "reason",
    )


def answer(sandbox: Sandbox, name: str) -> str:
    path: Path = sandbox.root / name
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("permission", ["write", "maintain", "admin", "owner"])
def test_who_may_write_may_vouch_for_the_head(sandbox: Sandbox, asked: Forge, permission: str) -> None:
    result, permitted, reason = permit(sandbox, asked, permission=permission)
    assert (result.code, permitted, reason) == (0, "yes", "")
    assert asked.asked == [
        f"GET {AT}/issues/comments/23",
        f"GET {AT}/collaborators/alice/permission",
        f"GET {AT}/pulls/7",
    ]


@pytest.mark.parametrize(
    "word",
    [
        comment(body=f"/ok-to-test {SHA}\r\n "),
        comment(pull_request_url=None, issue_url="https://forge.example/api/repos/acme/shop/issues/7"),
    ],
    ids=["editor", "github"],
)
def test_the_comment_is_there_on_either_forge(sandbox: Sandbox, asked: Forge, word: dict[str, Any]) -> None:
    assert permit(sandbox, asked, word=word)[1] == "yes"


@pytest.mark.parametrize(
    "word",
    [
        {},
        {"message": "not found"},
        comment(user={"login": "mallory"}),
        comment(user=None),
        comment(body=f"/ok-to-test {HEAD}"),
        comment(body=f"Never say /ok-to-test {SHA}"),
        comment(body=f"/ok-to-test {SHA}\nno, wait"),
        comment(body=None),
        comment(pull_request_url="https://forge.example/acme/shop/pulls/17"),
        comment(pull_request_url="", issue_url=""),
    ],
)
def test_a_word_that_the_forge_does_not_have_permits_nothing(sandbox: Sandbox, asked: Forge, word: dict[str, Any]) -> None:
    """The webhook's secret, or the listener's token, is not enough: somebody has to have written it."""
    _, permitted, reason = permit(sandbox, asked, word=word)
    assert permitted == "no"
    assert reason == "refused: the forge has no comment of alice there that says so (any more)"


@pytest.mark.parametrize("permission", ["read", "triage", "none", "", "null", "writer", "write admin"])
def test_nobody_else_may(sandbox: Sandbox, asked: Forge, permission: str) -> None:
    result, permitted, reason = permit(sandbox, asked, permission=permission)
    assert (result.code, permitted) == (0, "no")
    assert reason == "refused: alice may not write to acme/shop"


def test_another_commit_than_the_head_is_not_tested(sandbox: Sandbox, asked: Forge) -> None:
    """Somebody pushed after the comment was written, or before it was read."""
    result, permitted, reason = permit(sandbox, asked, about=pull(head={"sha": HEAD, "repo": FORK}))
    assert (result.code, permitted) == (0, "stale")
    assert reason.endswith(f"/ok-to-test {HEAD}")
    assert len(reason) < 140, "a commit status takes no more"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"state": "closed"}, "not open"),
        ({"base": {"ref": "release"}}, "not to main"),
        ({"head": {"sha": SHA, "label": "greeting", "repo": {"full_name": "acme/shop"}}}, "no fork's"),
        ({"head": {"sha": SHA, "label": "greeting", "repo": {"full_name": "Acme/SHOP"}}}, "no fork's"),
    ],
)
def test_only_open_pull_requests_of_forks_to_the_base_branch_need_the_word(
    sandbox: Sandbox, asked: Forge, changes: dict[str, Any], word: str
) -> None:
    _, permitted, reason = permit(sandbox, asked, about=pull(**changes))
    assert permitted == "no"
    assert word in reason


def test_what_a_reader_pushed_for_review_needs_the_word_as_a_fork_does(sandbox: Sandbox, asked: Forge) -> None:
    """Gitea's AGit: the head lies in the base's own repository, on no branch."""
    pushed = {"sha": SHA, "label": "", "ref": "refs/pull/7/head", "repo": {"full_name": "acme/shop"}}
    assert permit(sandbox, asked, about=pull(head=pushed))[1] == "yes"
    assert permit(sandbox, asked, permission="read", about=pull(head=pushed))[1] == "no"


def test_a_fork_that_is_gone_is_tested_all_the_same(sandbox: Sandbox, asked: Forge) -> None:
    assert permit(sandbox, asked, about=pull(head={"sha": SHA, "repo": None}))[1] == "yes"


@pytest.mark.parametrize("nothing", ["/issues/comments/", "/pulls/", "/permission"])
def test_an_empty_answer_permits_nothing(sandbox: Sandbox, asked: Forge, nothing: str) -> None:
    """Gitea answers so about what is a comment of no person's."""
    assert permit(sandbox, asked)[1] == "yes"
    asked.says(nothing, b"")
    run(sandbox, asked)
    assert answer(sandbox, "permitted") == "no"


@pytest.mark.parametrize(
    ("status", "body"), [(422, b""), (200, b"no JSON"), (200, b"{}"), (200, b""), (200, b"[5]"), (200, b"[" * 100_000)]
)
@pytest.mark.parametrize("part", ["/api/", "/permission", "/pulls/"])
def test_a_forge_that_gives_no_answer_permits_nothing(
    sandbox: Sandbox, asked: Forge, part: str, status: int, body: bytes
) -> None:
    permit(sandbox, asked)
    asked.says(part, body, status)
    run(sandbox, asked)
    assert answer(sandbox, "permitted") in ("", "no")


def test_the_token_is_on_no_command_line(sandbox: Sandbox, asked: Forge) -> None:
    result = permit(sandbox, asked)[0]
    assert {call.bearer for call in asked.calls} == {"secret-token"}
    assert sandbox.calls == []
    assert "secret-token" not in result.out + result.err


@pytest.mark.parametrize("named", [True, False])
def test_an_answer_without_end_permits_nothing(sandbox: Sandbox, asked: Forge, named: bool) -> None:
    """Its size need not be named."""
    permit(sandbox, asked)
    text = b" " * 9_000_000
    asked.says("/pulls/", *((text, 200) if named else (b"HTTP/1.1 200 OK\r\n\r\n" + text, RAW)))
    result = run(sandbox, asked)
    assert result.code != 0
    assert "answers more than 8388608 bytes" in result.err
    assert answer(sandbox, "permitted") == ""


def test_what_the_forge_says_about_an_error_is_shown_plainly(sandbox: Sandbox, asked: Forge) -> None:
    asked.says("/issues/", b"HTTP/1.1 \x1b[31m\xc2\x9bno no\r\n\r\n", RAW)
    result = run(sandbox, asked)
    assert "[31m" in result.err
    assert not [shown for shown in result.err + result.out if not shown.isprintable() and shown != "\n"]


def test_a_login_is_no_path(sandbox: Sandbox, asked: Forge) -> None:
    permit(sandbox, asked, word=comment(user={"login": "../../mallory"}))
    run(sandbox, asked, commenter="../../mallory")
    assert f"GET {AT}/collaborators/..%2F..%2Fmallory/permission" in asked.asked
