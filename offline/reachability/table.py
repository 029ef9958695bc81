"""Rows as text, as data, and as the difference between two tables."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from offline.reachability.rows import Row

Cells = tuple[str, str, str, str]


def text(table: Sequence[Row]) -> str:
    """Return a table as people read it: triggers, their pods, and a line for each thing that a container reaches.

    What follows from a thing is indented below it; beside it stands the last step of the way to it.
    """
    lines: list[str] = []
    for cause, of_cause in groupby(table, key=lambda row: row.cause):
        lines += [cause]
        for pod, of_pod in groupby(of_cause, key=lambda row: row.pod):
            lines += [f"  {pod}", *_aligned("    ", [_indented(row) for row in of_pod])]
        lines += [""]
    return "".join(f"{line}\n" for line in lines)


def difference(old: Sequence[Row], new: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows that are in `new` alone and those that are in `old` alone."""
    known, kept = set(old), set(new)
    return [row for row in new if row not in known], [row for row in old if row not in kept]


def difference_text(added: Sequence[Row], removed: Sequence[Row]) -> str:
    """Return a difference as people read it: pod by pod what is lost and what is gained."""
    changed = [("-", row) for row in removed] + [("+", row) for row in added]
    changed.sort(key=lambda change: (change[1].cause, change[1].pod))
    lines: list[str] = []
    for cause, of_cause in groupby(changed, key=lambda change: change[1].cause):
        lines += [cause]
        for pod, of_pod in groupby(of_cause, key=lambda change: change[1].pod):
            changes = list(of_pod)
            rows = _aligned("", [_with_parent(row) for _, row in changes])
            lines += [f"  {pod}", *(f"  {sign} {row}" for (sign, _), row in zip(changes, rows, strict=True))]
        lines += [""]
    return "".join(f"{line}\n" for line in lines) or "no difference\n"


def data(table: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a table as JSON holds it."""
    return [asdict(row) for row in table]


def _indented(row: Row) -> Cells:
    return row.container, row.runs, "  " * (len(row.through) // 2) + row.reaches, row.through[-1] if row.through else ""


def _with_parent(row: Row) -> Cells:
    parent = f", from {row.through[-2]}" if len(row.through) > 1 else ""
    return row.container, row.runs, row.reaches, (row.through[-1] if row.through else "") + parent


def _aligned(indent: str, cells: list[Cells]) -> list[str]:
    widths = [max(len(cell[column]) for cell in cells) for column in range(3)]
    return [
        f"{indent}{container:{widths[0]}}  {runs:{widths[1]}}  {reaches:{widths[2]}}  {through}".rstrip()
        for container, runs, reaches, through in cells
    ]
