"""What is written down on a Deployment: what it served, and why it is held."""

import json
import sys
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from components.conventions import Manifest
from operate.errors import OperateError
from steps.notes import BETWEEN, HISTORY, HOLD, KEPT, all_of
from steps.text import plain
from steps.workloads import UnfitError, Workload


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {plain(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return plain(value) if isinstance(value, str) else value


class Record(BaseModel):
    """JSON with camelCase keys; what is not known is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _shown_plainly(cls, value: Any) -> Any:
        """Others wrote it, and people read it."""
        return _plain(value)

    def data(self) -> Manifest:
        """Return it as JSON values."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def text(self) -> str:
        """Return compact JSON; the admission policy looks for `"pullRequest":"` in a hold."""
        return json.dumps(self.data(), separators=(",", ":"))


class Hold(Record):
    """Why automation leaves a Deployment, or a whole environment, alone."""

    by: str
    reason: str
    since: str
    pull_request: str | None = None
    """Whose deliveries go on."""

    def __str__(self) -> str:
        subject = f"for #{self.pull_request} " if self.pull_request else ""
        return f"{subject}by {self.by} since {self.since}: {self.reason}"


class Served(Record):
    """A digest that an environment served, and how it came there."""

    image: str
    commit: str | None = None
    pull_request: str | None = None
    merge_commit: str | None = None
    merged_by: str | None = None
    run: str | None = None
    at: str | None = None
    mark: dict[str, Any] | None = None
    """The signed statement by which the environment before vouched for it."""
    approved_by: list[str] | None = None
    rolled_back_by: str | None = None
    reason: str | None = None
    """Why it was rolled back to."""
    unproven: bool | None = None
    """That this was by somebody's word alone."""

    @property
    def digest(self) -> str:
        """The image's digest."""
        return self.image.rpartition("@")[2]


def hold(deployment: Manifest) -> Hold | None:
    """Return why a Deployment is held, if it is."""
    text = all_of(deployment).get(HOLD)
    return Hold.model_validate(json.loads(text)) if text else None


def history(deployment: Manifest) -> list[Served]:
    """Return what a Deployment served, the latest last. What cannot be read is named and left out."""
    entries = _entries(deployment)
    readable = [served for served in map(_served, entries) if served]
    left_out = len(entries) - len(readable)
    if left_out:
        name = plain(str(deployment["metadata"].get("name")))
        print(f"cannot be read and are left out, {left_out} entries of the annotation {HISTORY} of {name}", file=sys.stderr)
    return readable


def _entries(deployment: Manifest) -> list[str]:
    """Return the entries of the history as text: one that is no JSON makes none of the others unreadable."""
    text = all_of(deployment).get(HISTORY, "").strip()
    try:
        entries = json.loads(text or "[]")
    except (ValueError, RecursionError):
        # Without what the separator has of its neighbours.
        opening, closing = BETWEEN.removeprefix("},"), BETWEEN[0]
        parts = text.removeprefix("[").removesuffix("]").split(BETWEEN)
        return [
            (opening if number else "") + part + (closing if number < len(parts) - 1 else "")
            for number, part in enumerate(parts)
        ]
    return [json.dumps(entry) for entry in entries] if isinstance(entries, list) else [text]


def _served(text: str) -> Served | None:
    try:
        return Served.model_validate(json.loads(text))
    except (ValueError, RecursionError):  # pydantic's and json's are both ValueErrors
        return None


def appended(deployment: Manifest, entry: Served) -> str:
    """Return the history with one more entry.

    Older ones stay to the letter, for the admission policy counts on their form; one that cannot be read goes.
    """
    kept = all_of(deployment).get(HISTORY, "").strip()
    try:
        json.loads(kept or "[]")
    except (ValueError, RecursionError):
        kept = f"[{','.join(text for text in _entries(deployment) if _served(text))}]"
    kept = kept.removeprefix("[").removesuffix("]")
    entries = kept.split(BETWEEN)
    if len(entries) >= KEPT:
        kept = BETWEEN.removeprefix("},") + BETWEEN.join(entries[1 - KEPT :])
    return f"[{kept},{entry.text()}]" if kept else f"[{entry.text()}]"


def running(workload: Workload, live: Manifest) -> str:
    """Return the image that a workload is to run now."""
    try:
        return plain(workload.image(live))
    except UnfitError as error:
        raise OperateError(str(error)) from None
