"""What a pull request is now, asked of the forge: webhooks come out of order, late, and again."""

from collections.abc import Callable
from dataclasses import dataclass

from steps import notes
from steps.forge import Forge, ForgeError
from steps.inputs import given
from steps.text import told
from steps.waits import awaited

# By what a run is overtaken that no commit overtakes.
CLOSED, REOPENED, MOVED = "closed", "reopened", "moved"


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """Which one, and the branch that those are to be merged to that are delivered."""

    number: str = given("PARAM_PULL_REQUEST")
    base_branch: str = given("PARAM_BASE_BRANCH")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the forge says of it."""

    head: str
    open: bool
    merged: bool
    here: bool
    """Whether it is to be merged to that branch."""


def overtaken(forge: Forge, pull_request: PullRequest, sha: str) -> str | None:
    """Return what overtook a commit that was the head: the new one, or a word; None where it is the head still.

    One that was merged is: the next environment waits for what staging says of it. Raises ForgeError.
    """
    found = _awaited(forge, pull_request, lambda now: now.head == sha and (now.merged or (now.open and now.here)))
    if found.head != sha:
        return found.head
    if found.merged or (found.open and found.here):
        return None
    return MOVED if found.open else CLOSED


def taken_up(forge: Forge, pull_request: PullRequest) -> str | None:
    """Return what overtook a rejection; None where the pull request is rejected still. Raises ForgeError."""
    found = _awaited(forge, pull_request, lambda now: not (now.merged or (now.open and now.here)))
    return REOPENED if found.merged or (found.open and found.here) else None


def _awaited(forge: Forge, pull_request: PullRequest, true: Callable[[Standing], bool]) -> Standing:
    """Ask until what the webhook said is true, or the forge has had its time."""
    return awaited(
        lambda: _asked(forge, pull_request),
        true,
        lambda found: f"the forge has {told(found.head)} as the head of #{pull_request.number}",
    )


def _asked(forge: Forge, pull_request: PullRequest) -> Standing:
    """Ask: https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request"""
    found = forge.get(f"/pulls/{pull_request.number}")
    try:
        head, state, base = notes.sha(found["head"]["sha"]), found["state"], found["base"]["ref"]
        merged = found.get("merged") is True
    except (TypeError, KeyError, AttributeError):
        head = None
    if head is None:
        raise ForgeError(f"the forge does not tell the head of #{pull_request.number}")
    return Standing(head=head, open=state == "open", merged=merged, here=base == pull_request.base_branch)
