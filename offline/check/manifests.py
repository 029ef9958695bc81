"""The difference between two sets of declared objects, object by object."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from components.conventions import Manifest
from offline.render import to_yaml

Place = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """One object that is not as it was."""

    what: Literal["added", "changed", "removed"]
    title: str
    """E.g. `Secret staging-ci/forge-token`."""
    lines: tuple[str, ...]
    """A unified diff of the YAML; secrets are not in it."""


def changes(old: Iterable[Manifest], new: Iterable[Manifest]) -> Iterator[Change]:
    """Yield the objects that differ, sorted by namespace, kind and name."""
    before, after = ({_place(item): _lines(item) for item in items} for items in (old, new))
    for place in sorted(before.keys() | after.keys()):
        was, is_now = before.get(place, []), after.get(place, [])
        if was != is_now:
            diff = list(difflib.unified_diff(was, is_now, lineterm="", n=3))[2:]
            yield Change("added" if not was else "removed" if not is_now else "changed", _title(place), tuple(diff))


def _place(item: Manifest) -> Place:
    return item["metadata"].get("namespace", ""), item["kind"], item["metadata"]["name"]


def _title(place: Place) -> str:
    namespace, kind, name = place
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _lines(item: Manifest) -> list[str]:
    return to_yaml([item]).splitlines()
