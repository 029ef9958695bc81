"""Whether a comment may start the tests of a fork's pull request.

What the run was told of it is nobody's word: the forge is asked whether it is there and says so, whether its author may
write, and which commit is the head now.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from steps import result
from steps.forge import Api, Forge, ForgeError, NoJsonError
from steps.inputs import given
from steps.result import log, warn
from steps.text import same_repository, told

_MAY_WRITE = ("admin", "owner", "maintain", "write")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    api: Api
    base_branch: str = given("PARAM_BASE_BRANCH")
    pull_request: str = given("PARAM_PULL_REQUEST")
    sha: str = given("PARAM_HEAD_SHA")
    commenter: str = given("PARAM_COMMENTER")
    comment: str = given("PARAM_COMMENT")
    permitted: Path = given("RESULT_PERMITTED_PATH")
    reason: Path = given("RESULT_REASON_PATH")


def run(inputs: Inputs) -> None:
    """Give the results `permitted` and `reason`."""
    with Forge(inputs.api) as forge:
        permitted, reason = _answer(inputs, forge)
    result.write(inputs.permitted, permitted)
    result.give_reason(inputs.reason, reason)
    log(f"{permitted}: {reason}")


def _answer(inputs: Inputs, forge: Forge) -> tuple[str, str]:
    if not _says_so(_asked(forge, f"/issues/comments/{inputs.comment}"), inputs):
        return "no", f"refused: the forge has no comment of {inputs.commenter} there that says so (any more)"
    # https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    person = _asked(forge, f"/collaborators/{quote(inputs.commenter, safe='')}/permission")
    if person.get("permission") not in _MAY_WRITE:
        return "no", f"refused: {inputs.commenter} may not write to {inputs.api.repository}"
    pull = _object(forge, f"/pulls/{inputs.pull_request}")
    head, base = _part(pull, "head"), _part(pull, "base")
    if pull.get("state") != "open":
        return "no", "refused: the pull request is not open"
    if base.get("ref") != inputs.base_branch:
        return "no", f"refused: the pull request is not to {inputs.base_branch}"
    # A fork may be gone; its commits are still here. What was pushed for review (Gitea's AGit) is on no branch, so it has no
    # label: who may read can do that.
    if same_repository(_part(head, "repo").get("full_name"), inputs.api.repository) and head.get("label"):
        return "no", "refused: the pull request is no fork's, its pushes are delivered"
    if head.get("sha") != inputs.sha:
        return "stale", f"not the head: look at what is new, then say /ok-to-test {told(head.get('sha'))}"
    return "yes", ""


def _says_so(comment: dict[str, Any], inputs: Inputs) -> bool:
    """Return whether a comment is the commenter's, about this pull request, and says so of this commit.

    Gitea names a pull request by its page, GitHub as an issue:
    https://docs.github.com/en/rest/issues/comments#get-an-issue-comment
    """
    body, about = comment.get("body"), (comment.get("pull_request_url"), comment.get("issue_url"))
    return (
        _part(comment, "user").get("login") == inputs.commenter
        and isinstance(body, str)
        and re.fullmatch(rf"/ok-to-test {re.escape(inputs.sha)}\s*", body) is not None
        and any(isinstance(url, str) and url.endswith(f"/{inputs.pull_request}") for url in about)
    )


def _asked(forge: Forge, path: str) -> dict[str, Any]:
    """Return what the forge says, or nothing where it says nothing."""
    try:
        return _object(forge, path)
    except ForgeError as error:
        warn(f"error: {error}")
        return {}


def _object(forge: Forge, path: str) -> dict[str, Any]:
    try:
        found = forge.get(path)
    except NoJsonError as error:
        warn(f"error: {error}")
        return {}
    return found if isinstance(found, dict) else {}


def _part(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}
