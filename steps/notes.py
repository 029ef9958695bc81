"""What deliveries note on a Deployment: what it serves and served, what it is about to serve, and who holds it."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from steps.inputs import StepError
from steps.text import compact, parsed, told
from steps.workloads import Workload

Object = dict[str, Any]

_PREFIX = "tekton-delivery/"
# The annotation by which people keep a Deployment as it is: compact JSON with by, reason, since and maybe pullRequest.
HOLD = f"{_PREFIX}hold"
# What served before open pull requests, what it served at all, and what it is about to serve, with what served before.
BEFORE = f"{_PREFIX}before"
HISTORY = f"{_PREFIX}history"
ROLLING_OUT = f"{_PREFIX}rolling-out"
# On the ConfigMap of the same name: that the settings freeze the environment. Its key of that name is people's.
FROZEN = f"{_PREFIX}frozen"
FREEZE = "freeze"
# On a run that was cancelled: the commit that overtook it, or a word of steps/pulls.py.
SUPERSEDED_BY = f"{_PREFIX}superseded-by"
# Who started a run by hand (`python -m operate deliver`, `retry`).
BY_HAND = (f"{_PREFIX}started-by", f"{_PREFIX}retried-by")
# How the reason of a run begins that people hold back.
QUEUED = "queued: "
# How the annotations begin that tell what waits for an approval, and the label of one, whose value is the Deployment's name.
AWAITS = f"{_PREFIX}awaits-approval-"
APPROVAL = f"{_PREFIX}approval"

# Entries of a history, and its bytes: what the admission policy lets through. And what a new entry's large parts may have.
KEPT, LARGEST, LARGE = 20, 65536, 8192
BETWEEN = '},{"image":'
_REMEMBERED = 5

_SHA = re.compile("[0-9a-f]{40}")
_NUMBER = re.compile("[1-9][0-9]{0,9}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_IMAGE = re.compile("[!#-\\[\\]-~]{1,600}")


class UnreadableError(StepError):
    """What cannot be read and may not be passed over."""


def timestamp(at: float | None = None) -> str:
    """Return a time, or now, as everything here is dated."""
    return datetime.fromtimestamp(time.time() if at is None else at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: Any) -> float:
    """Return the time of a timestamp, in seconds; 0 for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except (TypeError, ValueError):
        return 0


def all_of(deployment: Object) -> Mapping[str, str]:
    """Return an object's annotations."""
    found: Mapping[str, str] = deployment["metadata"].get("annotations") or {}
    return found


def note(deployment: Object, name: str) -> str | None:
    """Return what is noted, e.g. as `commit`."""
    return all_of(deployment).get(f"{_PREFIX}{name}")


def _formed(form: re.Pattern[str], value: Any) -> str | None:
    """Return what has the form that the admission policy demands; nobody can write another one."""
    return value if isinstance(value, str) and form.fullmatch(value) else None


def sha(value: Any) -> str | None:
    """Return a commit's sha."""
    return _formed(_SHA, value)


def _parsed(deployment: Object, name: str) -> Any:
    try:
        return parsed(note(deployment, name) or "null")
    except ValueError:
        return None


def before(deployment: Object) -> list[Object]:
    """Return what is noted to have served before open pull requests."""
    found = _parsed(deployment, "before")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def remembered(entries: list[Object]) -> list[Object]:
    """Return the last entries of `before`, without what has no form."""
    formed = (
        {
            "image": _formed(_IMAGE, entry.get("image")),
            "commit": sha(entry.get("commit")),
            "pullRequest": _formed(_NUMBER, entry.get("pullRequest")),
        }
        for entry in entries
    )
    return [entry for entry in formed if entry["image"]][-_REMEMBERED:]


def digest(image: str) -> str | None:
    """Return the digest of an image that is named by one."""
    return _formed(_DIGEST, image.partition("@")[2])


def rolling(live: Object, workload: Workload) -> Object | None:
    """Return what is noted about a rollout that was neither settled nor taken back, if it is of the image that runs."""
    found = _parsed(live, "rolling-out")
    return found if isinstance(found, dict) and found.get("image") == workload.image(live) else None


def served(live: Object, workload: Workload) -> str:
    """Return what served last."""
    former = (rolling(live, workload) or {}).get("former")
    return former if isinstance(former, str) else workload.image(live)


def appended(deployment: Object, entry: Mapping[str, Any]) -> str:
    """Return the history with one more entry, as text.

    Older ones stay to the letter: the admission policy sees to that. The oldest go where there are too many, or more bytes
    than it lets through; so do large parts of the new one.
    """
    new = {name: value for name, value in entry.items() if value is not None}
    for large in ("mark", "approvedBy"):
        if len(compact(new).encode()) > LARGE:
            new.pop(large, None)
    added = compact(new)
    there = note(deployment, "history") or ""
    inside = there[1:-1] if there.startswith("[") and there.endswith("]") else ""
    between = BETWEEN + '"'
    opening, entries = "", inside.split(between) if inside else []
    while entries and (
        len(entries) >= KEPT or len((opening + between.join(entries) + added).encode("utf-8", "replace")) + 3 > LARGEST
    ):
        entries = entries[1:]
        opening = between[2:] if entries else ""
    kept = opening + between.join(entries)
    return f"[{kept},{added}]" if kept else f"[{added}]"


def queued(deployment: Object, freeze: Object, pull_request: str) -> str | None:
    """Return why people want a Deployment left alone; None if they do not.

    It is held, and not for this pull request, or its environment is frozen. Raises UnreadableError.
    """
    by_settings = all_of(freeze).get(FROZEN)
    if by_settings is not None:
        return f"is frozen by its settings: {by_settings}"
    frozen = _word((freeze.get("data") or {}).get("frozen"), "the ConfigMap freeze")
    hold = _word(all_of(deployment).get(HOLD), f"the annotation {HOLD}")
    if frozen is not None:
        return f"is frozen{_by(frozen)}"
    if hold is None or (pull_request and hold.get("pullRequest") == pull_request):
        return None
    held_for = hold.get("pullRequest")
    return f"is held for #{told(held_for)}{_by(hold)}" if held_for else f"is held{_by(hold)}"


def _word(text: str | None, where: str) -> Object | None:
    try:
        found = parsed("null" if text is None else text)
    except ValueError:
        raise UnreadableError(f"{where} cannot be read") from None
    if found is not None and not isinstance(found, dict):
        raise UnreadableError(f"{where} cannot be read")
    return found


def _by(word: Object) -> str:
    return f" by {told(word.get('by'))}: {told(word.get('reason'))}"


Noted = Callable[[Object], Mapping[str, str | None]]
