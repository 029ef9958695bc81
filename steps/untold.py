"""What the forge could not be told as it happened: how a step leaves it, for steps/retell.py to tell later."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from steps.inputs import given
from steps.result import warn, write
from steps.text import compact, parsed

RESULT = "untold"
# What may have to be told later, besides statuses, which go by their context's end.
COMMENT, DEPLOYMENT, HEADS = "comment", "deployment", "heads"


@dataclass(frozen=True, kw_only=True)
class Left:
    """Where a step leaves it."""

    path: Path = given("RESULT_UNTOLD_PATH")

    def leave(self, what: Collection[str], me: int | None = None) -> None:
        """Leave what is untold, if anything is, and who writes the comment."""
        if what:
            write(self.path, compact({"what": sorted(what), "me": me}))


@dataclass(frozen=True, kw_only=True)
class Late:
    """What is told later than it happened."""

    what: frozenset[str]
    since: datetime
    """When it could not be told."""
    me: int | None
    """Who writes the comment."""


def warn_of(what: Collection[str]) -> None:
    """Say that it is told later."""
    if what:
        warn(f"the forge does not answer as it should; told later: {', '.join(sorted(what))}")


def word(task_run: Mapping[str, Any]) -> str | None:
    """Return what a TaskRun has left, or None."""
    for result in (task_run.get("status") or {}).get("results") or []:
        if result.get("name") == RESULT and result.get("value"):
            return str(result["value"])
    return None


def late(left: str, since: datetime) -> Late:
    """Return what is to be told of what was left. Raises ValueError, LookupError, TypeError."""
    said = parsed(left)
    me = said["me"]
    return Late(what=frozenset(map(str, said["what"])), since=since, me=me if isinstance(me, int) else None)
