"""What changes between two sets of inputs, path by path, and whether that updates or replaces the object."""

from dataclasses import dataclass, field
from typing import Any

from local.plugins.kubernetes.replacement import replaces
from local.plugins.paths import MISSING, Path, covers

ADD, DELETE, UPDATE = "ADD", "DELETE", "UPDATE"


@dataclass
class Difference:
    """The changes as (path, what happens there), and the paths among them that need a new object."""

    changes: dict[Path, str] = field(default_factory=dict)
    replacing: set[Path] = field(default_factory=set)


def compare(old: dict[str, Any], new: dict[str, Any], force_new: list[Path], ignored: list[Path]) -> Difference:
    """Compare old inputs with new ones. Maps and lists are entered; a value not known yet counts as changed."""
    difference = Difference()

    def visit(before: Any, after: Any, path: Path) -> None:
        if any(covers(pattern, path) for pattern in ignored):
            return
        if isinstance(before, dict) and isinstance(after, dict):
            for key in (*before, *(key for key in after if key not in before)):
                visit(before.get(key, MISSING), after.get(key, MISSING), (*path, key))
        elif isinstance(before, list) and isinstance(after, list):
            for index in range(max(len(before), len(after))):
                visit(_item(before, index), _item(after, index), (*path, index))
        elif not _same(before, after):
            kind, changed = UPDATE, after
            if before is MISSING:
                kind = ADD
            elif after is MISSING:
                kind, changed = DELETE, before
            difference.changes[path] = kind
            if replaces(force_new, path, changed):
                difference.replacing.add(path)

    visit(old, new, ())
    return difference


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else MISSING


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, bool) or isinstance(after, bool):
        # True == 1 in Python, not in JSON.
        return before is after
    return bool(before == after)
