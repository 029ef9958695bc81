"""Commit statuses: how they are called and set, and how open pull requests hear that the base branch has moved."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from steps import notes
from steps.forge import Forge, ForgeError, NoJsonError
from steps.inputs import given
from steps.links import Page
from steps.result import log, warn
from steps.text import LONGEST as LONGEST
from steps.text import plain

_PREFIX = "tekton-delivery/"
PENDING, SUCCESS, FAILURE = "pending", "success", "failure"
# Before the time, in the description of what is told late.
_BY = " by "
# Gitea has at most 50 pull requests on a page, whatever it is asked for, so only an empty page is the last one; each forge
# ignores the other one's word for the page's size. 30 pull requests are below what is read of an answer (steps/forge.py),
# however long the texts that people write into them.
_PAGES, _PULLS = 700, "per_page=30&limit=30"
_STATUSES = "per_page=100&limit=100"


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The base branch, and which of a repository's applications this is about."""

    name: str = given("PARAM_BASE_BRANCH")
    suffix: str = given("CONTEXT_SUFFIX")

    @property
    def promotable(self) -> str:
        """The status by which branch rules know what can be promoted as it is."""
        return f"promotable{self.suffix}"

    @property
    def moved(self) -> str:
        """What that says of a commit that lacks what the branch has."""
        return f"{self.name} has moved: update the branch"


def context(name: str) -> str:
    """Return a status's context."""
    return f"{_PREFIX}{name}"


def set_status(forge: Forge, sha: str, name: str, state: str, description: str, page: str = "") -> int | None:
    """Set a status of a commit that links to a page, and return whose it is, as the forge has it: a number.

    https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
    Raises ForgeError.
    """
    told = plain(description)[:LONGEST]
    log(f"{sha} {name}: {state}: {told}")
    body = {"state": state, "context": context(name), "description": told} | ({"target_url": page} if page else {})
    return _author(forge.post(f"/statuses/{sha}", body))


def _author(answer: Any) -> int | None:
    """Return who has set a status. A number, which no renaming changes."""
    creator = answer.get("creator") if isinstance(answer, dict) else None
    number = creator.get("id") if isinstance(creator, dict) else None
    return number if isinstance(number, int) and number > 0 else None


def state_of(status: Any) -> Any:
    """Return a status's state, which each forge calls otherwise."""
    return status.get("state") or status.get("status")


def set_since(forge: Forge, sha: str, name: str, since: datetime, state: str | None = None, *, looked: bool = False) -> bool:
    """Return whether a commit has a status, of that state if one is named, that was set at a time or later.

    With `looked` one that was told late counts as of when whoever told it had looked at the branch. Raises ForgeError.
    """
    known = forge.get(f"/commits/{sha}/statuses?per_page=100&limit=50&sort=recentupdate")
    try:
        return any(
            each["context"] == context(name) and state in (None, state_of(each)) and _set(each, looked) >= since
            for each in known
        )
    except (TypeError, KeyError, ValueError) as error:
        raise NoJsonError(f"the forge does not tell the statuses of {sha}") from error


def fresh_until(environment: str, branch: Branch, looked: datetime) -> str:
    """Return what `promotable` says that is told late: when the branch had not moved yet."""
    return f"{environment} ran it, and {branch.name} had not moved{_BY}{notes.timestamp(looked.timestamp())}"


def _set(status: Any, looked: bool) -> datetime:
    """Return when a status was set, or, with `looked`, when it was true if that is before."""
    at = datetime.fromisoformat(status["created_at"]).replace(microsecond=0)
    told = notes.seconds(str(status.get("description") or "").rpartition(_BY)[2]) if looked else 0
    return min(at, datetime.fromtimestamp(told, UTC)) if told else at


class Heads(Enum):
    """Whether open pull requests could be told."""

    TOLD, LATER, REFUSED = auto(), auto(), auto()
    """All; not all, for the forge is down or has been asked too often; not all, and somebody has to mend something."""


def tell_open_heads(forge: Forge, branch: Branch, page: Page | None = None, since: datetime | None = None) -> Heads:
    """Turn `promotable` red on the open pull requests to a branch; return whether all could be told.

    What the forge refuses of one head keeps no other one green; one that is down, or has been asked too often, is not asked
    about the others: each would take minutes. With `since`, a time, it is told late: a head that was told something else
    from then on knows better.
    """
    heads, told = _open_heads(forge, branch)
    if told is not Heads.TOLD:
        warn("error: the open pull requests cannot be listed, or not all of them")
    for sha, number in heads.items():
        try:
            if _says_so(forge, sha, branch) or (since and set_since(forge, sha, branch.promotable, since, looked=True)):
                continue
            set_status(forge, sha, branch.promotable, FAILURE, branch.moved, page.of(sha, number) if page else "")
        except ForgeError as error:
            warn(f"error: {error}")
            warn(f"error: the forge takes no status of {sha}; {branch.promotable} may still be green there")
            if error.passing:
                told = told if told is Heads.REFUSED else Heads.LATER
                warn(f"error: nor is it asked about the others of {len(heads)} open pull requests")
                break
            told = Heads.REFUSED
    return told


def _open_heads(forge: Forge, branch: Branch) -> tuple[dict[str, str], Heads]:
    """Return the heads of the open pull requests to a branch with their numbers, and whether these are all."""
    heads: dict[str, str] = {}
    formed = True
    try:
        for page in range(1, _PAGES + 1):
            pulls = forge.get(f"/pulls?state=open&{_PULLS}&page={page}")
            if not pulls:
                break
            for pull in pulls:
                if pull["base"]["ref"] == branch.name:
                    head = notes.sha(pull["head"]["sha"])
                    formed = formed and head is not None
                    heads |= {head: str(pull.get("number") or "")} if head else {}
    except ForgeError as error:
        warn(f"error: {error}")
        return heads, Heads.LATER if error.passing else Heads.REFUSED
    except (TypeError, KeyError):
        return heads, Heads.REFUSED
    return heads, Heads.TOLD if formed else Heads.REFUSED


def _says_so(forge: Forge, sha: str, branch: Branch) -> bool:
    """Return whether a head is red already.

    GitHub takes 1000 statuses of each commit and context, and a pull request may stay open for as many merges. Raises
    ForgeError where the forge may answer later.
    """
    try:
        known = forge.get(f"/commits/{sha}/status?{_STATUSES}").get("statuses") or []
        return [state_of(status) for status in known if status["context"] == context(branch.promotable)] == [FAILURE]
    except ForgeError as error:
        if error.passing:
            raise
        warn(f"error: {error}")
        return False
    except (TypeError, KeyError, AttributeError):
        return False
