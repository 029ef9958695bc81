"""The one comment of an account on a pull request: found again, written, and kept from being lost to another run's.

It is known by its marker and by who wrote it: who quotes the marker has a comment of their own, which is neither changed nor
believed. Who we are the forge says as it takes a status of ours: no token needs a right to ask.

Forges know no condition for a change, so two runs that write at once might each undo the other's section. So a comment is
read just before it is written, and, where others write into it too, once more a moment afterwards: what is missing is
written again. Of two comments that were made at once the older one stays.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from steps import comment, optional
from steps.comment import MARKER, Section
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given
from steps.links import Page, filled
from steps.result import log, warn

# GitHub has at most 2500 comments on a pull request, Gitea lists all of them whatever page is asked for. 30 of them are
# below what is read of an answer (steps/forge.py), however long they are.
_PAGES, _SIZE = 84, 30
# How often a section is written that another run has undone, and how long that run may take between reading and writing.
_ATTEMPTS, _SETTLES = 4, 1.0


@dataclass(frozen=True, kw_only=True)
class Comment:
    """Where a run tells what the pull request's comment says."""

    rights: str = given("COMMENT_RIGHTS")
    """What a GitHub App's token for it may do."""
    run: str = given("PARAM_RUN")
    pull_request: str = given("PARAM_PULL_REQUEST")
    application: str = given("PARAM_APPLICATION")
    place: str = given("PARAM_ENVIRONMENT_URL")
    """Where people find the application; empty where no setting knows."""
    again: str = given("RUN_AGAIN")
    """How a run is started again, with {application}, {pullRequest} and {commit} in it."""
    page: Page | None


def section(about: Comment, *, key: str, state: str, reason: str, commit: str, **more: Any) -> Section:
    """Return what is told of a run."""
    values = {"application": about.application, "pullRequest": about.pull_request, "commit": commit}
    return Section(
        key=key,
        run=about.run,
        state=state,
        reason=reason,
        commit=commit,
        place=about.place,
        page=about.page.of(commit) if about.page else "",
        again=filled(about.again, values) if state == "failure" else "",
        **more,
    )


def tell(api: Api, about: Comment, me: int | None, told: Section) -> bool | None:
    """Write a section, and return whether that is done; None where it is of no use to try again later."""
    if not about.pull_request:  # of a run that the last release started
        return None
    if me is None:
        warn("the forge does not say whose the token is: no comment is written")
        return None
    return optional.tell(
        api,
        about.rights,
        lambda forge: _Comments(forge, about.pull_request, me).write(told),
        undone="the comment on the pull request is not written",
        mend="give the token the right to (GitHub: Pull requests: write; Gitea: write:issue), or set forge.comment: false",
    )


class _Comments:
    def __init__(self, forge: Forge, pull_request: str, me: int) -> None:
        self._forge, self._me = forge, me
        self._path = f"/issues/{pull_request}/comments"

    def write(self, told: Section) -> None:
        """Write a section, until it is there. Raises ForgeError."""
        for _ in range(_ATTEMPTS):
            there = next(self._mine(), None)
            if there is None:
                there = self._made(comment.with_section("", told))
                if there is None:
                    continue
            else:
                body = comment.with_section(there[1], told)
                if body == there[1]:
                    return
                self._forge.patch(_one(there[0]), {"body": body})
                there = there[0], body
            if self._stays(there, told):
                return
        warn("other runs write the comment all the time: what this one tells may be missing there")

    def _mine(self) -> Iterator[tuple[int, str]]:
        """Yield our comments, oldest first: each one's number and text."""
        known = set[int]()
        for page in range(1, _PAGES + 1):
            found = self._forge.get(f"{self._path}?per_page={_SIZE}&page={page}")
            try:
                if not isinstance(found, list):
                    raise TypeError
                numbers = {int(each["id"]) for each in found}
                if numbers <= known:
                    return
                for each in found:
                    body = str(each["body"]).replace("\r\n", "\n")
                    # Accounts may be gone.
                    author = (each["user"] or {}).get("id")
                    if each["id"] not in known and author == self._me and _is_marked(body):
                        yield each["id"], body
            except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
                raise ForgeError("the forge does not tell the pull request's comments") from error
            if len(numbers) < _SIZE:
                return
            known |= numbers

    def _made(self, body: str) -> tuple[int, str] | None:
        """Make the comment, and return it; None if another run has made one meanwhile, which stays in its place."""
        made = self._forge.post(self._path, {"body": body})
        number = made.get("id") if isinstance(made, dict) else None
        first = next(self._mine(), None)
        # A list may lag behind what was made.
        if first is None and isinstance(number, int):
            first = number, body
        if first is None or not isinstance(number, int) or first[0] == number:
            log("the comment on the pull request is made")
            return first
        self._forge.delete(_one(number))
        return None

    def _stays(self, there: tuple[int, str], told: Section) -> bool:
        """Return whether the section is there a moment later. Where nobody else writes into the comment nobody looks."""
        number, body = there
        if "/" not in told.key and comment.sections(body).keys() <= {told.key}:
            return True
        settle()
        now = self._forge.get(_one(number))
        text = str(now.get("body") or "").replace("\r\n", "\n") if isinstance(now, dict) else ""
        return comment.with_section(text, told) == text


def settle() -> None:
    """Wait until another run that has read the comment has written it."""
    time.sleep(_SETTLES)


def _is_marked(body: str) -> bool:
    return body == MARKER or body.startswith(f"{MARKER}\n")


def _one(number: int) -> str:
    return f"/issues/comments/{number}"
