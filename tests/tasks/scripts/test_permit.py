"""permit.sh: what a comment says counts for nothing, what the forge says about it does."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]

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
    *,
    permission: str = "write",
    about: dict[str, Any] | None = None,
    word: dict[str, Any] | None = None,
) -> tuple[Result, str, str]:
    """How the step ends when the forge says this: the answer, and the reason."""
    person = sandbox.file("permission.json", json.dumps({"permission": permission}))
    asked = sandbox.file("pull.json", json.dumps(about or pull()))
    said = sandbox.file("comment.json", json.dumps(comment() if word is None else word))
    answers = f"*/permission) cat '{person}' ;; */issues/comments/*) cat '{said}' ;; *) cat '{asked}' ;;"
    sandbox.stub("curl", f"for url; do :; done; case $url in {answers} esac")
    result = run(sandbox)
    return result, answer(sandbox, "permitted"), answer(sandbox, "reason")


def run(sandbox: Sandbox, commenter: str = "alice") -> Result:
    return sandbox.run(
        "permit",
        PARAM_REPOSITORY="acme/shop",
        PARAM_BASE_BRANCH="main",
        PARAM_PULL_REQUEST="7",
        PARAM_HEAD_SHA=SHA,
        PARAM_COMMENTER=commenter,
        PARAM_COMMENT="23",
        API_URL="https://forge.example/api",
        TOKEN_FILE=sandbox.file("token", "secret-token"),
        RESULT_PERMITTED_PATH=sandbox.root / "permitted",
        RESULT_REASON_PATH=sandbox.root / "reason",
    )


def answer(sandbox: Sandbox, name: str) -> str:
    path: Path = sandbox.root / name
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("permission", ["write", "maintain", "admin", "owner"])
def test_who_may_write_may_vouch_for_the_head(sandbox: Sandbox, permission: str) -> None:
    result, permitted, reason = permit(sandbox, permission=permission)
    assert (result.code, permitted, reason) == (0, "yes", "")
    assert [call[-1] for call in sandbox.called("curl")] == [
        "https://forge.example/api/repos/acme/shop/issues/comments/23",
        "https://forge.example/api/repos/acme/shop/collaborators/alice/permission",
        "https://forge.example/api/repos/acme/shop/pulls/7",
    ]


@pytest.mark.parametrize(
    "word",
    [
        comment(body=f"/ok-to-test {SHA}\r\n "),
        comment(pull_request_url=None, issue_url="https://forge.example/api/repos/acme/shop/issues/7"),
    ],
    ids=["editor", "github"],
)
def test_the_comment_is_there_on_either_forge(sandbox: Sandbox, word: dict[str, Any]) -> None:
    assert permit(sandbox, word=word)[1] == "yes"


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
def test_a_word_that_the_forge_does_not_have_permits_nothing(sandbox: Sandbox, word: dict[str, Any]) -> None:
    """The webhook's secret, or the listener's token, is not enough: somebody has to have written it."""
    _, permitted, reason = permit(sandbox, word=word)
    assert permitted == "no"
    assert reason == "refused: the forge has no comment of alice there that says so (any more)"


@pytest.mark.parametrize("permission", ["read", "triage", "none", "", "null", "writer", "write admin"])
def test_nobody_else_may(sandbox: Sandbox, permission: str) -> None:
    result, permitted, reason = permit(sandbox, permission=permission)
    assert (result.code, permitted) == (0, "no")
    assert reason == "refused: alice may not write to acme/shop"


def test_another_commit_than_the_head_is_not_tested(sandbox: Sandbox) -> None:
    """Somebody pushed after the comment was written, or before it was read."""
    result, permitted, reason = permit(sandbox, about=pull(head={"sha": HEAD, "repo": FORK}))
    assert (result.code, permitted) == (0, "stale")
    assert reason.endswith(f"/ok-to-test {HEAD}")
    assert len(reason) < 140, "a commit status takes no more"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"state": "closed"}, "not open"),
        ({"base": {"ref": "release"}}, "not to main"),
        ({"head": {"sha": SHA, "label": "greeting", "repo": {"full_name": "acme/shop"}}}, "no fork's"),
    ],
)
def test_only_open_pull_requests_of_forks_to_the_base_branch_need_the_word(
    sandbox: Sandbox, changes: dict[str, Any], word: str
) -> None:
    _, permitted, reason = permit(sandbox, about=pull(**changes))
    assert permitted == "no"
    assert word in reason


def test_what_a_reader_pushed_for_review_needs_the_word_as_a_fork_does(sandbox: Sandbox) -> None:
    """Gitea's AGit: the head lies in the base's own repository, on no branch."""
    pushed = {"sha": SHA, "label": "", "ref": "refs/pull/7/head", "repo": {"full_name": "acme/shop"}}
    assert permit(sandbox, about=pull(head=pushed))[1] == "yes"
    assert permit(sandbox, permission="read", about=pull(head=pushed))[1] == "no"


def test_a_fork_that_is_gone_is_tested_all_the_same(sandbox: Sandbox) -> None:
    assert permit(sandbox, about=pull(head={"sha": SHA, "repo": None}))[1] == "yes"


@pytest.mark.parametrize("nothing", ["*/issues/comments/*", "*/pulls/*", "*/permission"])
def test_an_empty_answer_permits_nothing(sandbox: Sandbox, nothing: str) -> None:
    """Gitea answers so about what is a comment of no person's; of nothing jq says that all is well."""
    permit(sandbox)
    assert answer(sandbox, "permitted") == "yes"
    (sandbox.root / "permitted").unlink()
    curl = (sandbox.bin / "curl").read_text()
    (sandbox.bin / "curl").write_text(
        curl.replace("case $url in */permission)", f"case $url in {nothing}) ;; */permission)")
    )
    run(sandbox)
    assert answer(sandbox, "permitted") == "no"


@pytest.mark.parametrize("answered", ["exit 22", "echo no JSON", "echo '{}'", "true"])
def test_a_forge_that_gives_no_answer_permits_nothing(sandbox: Sandbox, answered: str) -> None:
    sandbox.stub("curl", answered)
    run(sandbox)
    assert answer(sandbox, "permitted") in ("", "no")


def test_the_token_is_on_no_command_line(sandbox: Sandbox) -> None:
    permit(sandbox)
    assert sandbox.called("curl")
    assert not [call for call in sandbox.called("curl") if any("secret-token" in argument for argument in call)]


def test_an_answer_without_end_permits_nothing(sandbox: Sandbox) -> None:
    """curl holds to a size only where the forge names it."""
    endless = "case $url in */pulls/*) head -c 34000000 /dev/zero | tr '\\000' ' ' ;; esac"
    permit(sandbox)
    curl = sandbox.bin / "curl"
    curl.write_text(curl.read_text().replace("case $url in */permission)", f"{endless}\ncase $url in */permission)"))
    (sandbox.root / "permitted").unlink()
    run(sandbox)
    assert answer(sandbox, "permitted") == ""


def test_what_the_forge_says_about_an_error_is_shown_plainly(sandbox: Sandbox) -> None:
    sandbox.stub("curl", r"printf 'curl: \033[31m\342\200\256no\n' >&2; exit 22")
    result = run(sandbox)
    assert "curl:  [31m no" in result.err
    assert "\x1b" not in result.err + result.out
