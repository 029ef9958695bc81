"""What was looked at, and what came of it: one line each, for people and as data."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["fine", "wrong", "advised", "unknown"]


@dataclass(frozen=True)
class Row:
    """One finding."""

    what: str
    """What the stack needs."""
    state: State
    """`advised`: it works, and could be narrower or faster. `unknown`: it could not be looked at."""
    said: str = ""
    """What there is, or why that is not known."""
    mend: str = ""
    """The line that mends it."""
    area: str = ""
    """Where it is: `cluster`, `registry` and so on."""


def fine(what: str, said: str = "") -> Row:
    """Return that something is as it has to be."""
    return Row(what, "fine", said)


def wrong(what: str, said: str, mend: str) -> Row:
    """Return that deliveries would fail by something, or that it is a hole."""
    return Row(what, "wrong", said, mend)


def advised(what: str, said: str, mend: str) -> Row:
    """Return that something works and should be otherwise."""
    return Row(what, "advised", said, mend)


def unknown(what: str, said: str, mend: str = "") -> Row:
    """Return that something could not be looked at, and why."""
    return Row(what, "unknown", said, mend)


def data(stack: str, rows: Sequence[Row]) -> dict[str, object]:
    """Return the rows as JSON values."""
    return {"stack": stack, "fine": not any(row.state == "wrong" for row in rows), "rows": [asdict(row) for row in rows]}


def lines(stack: str, rows: Sequence[Row]) -> Iterable[str]:
    """Yield the rows as a table, and in the end how many of them are what."""
    areas = max((len(row.area) for row in rows), default=0)
    for row in rows:
        state = row.state.upper() if row.state == "wrong" else row.state
        yield f"{row.area:{areas}}  {state:7}  {row.what}{': ' if row.said else ''}{row.said}"
        if row.mend:
            yield f"{'':{areas}}           -> {row.mend}"
    yield ""
    count = {state: sum(row.state == state for row in rows) for state in ("fine", "wrong", "advised", "unknown")}
    told = f"{count['fine']} fine, {count['wrong']} wrong"
    told += f", {count['advised']} advised" if count["advised"] else ""
    told += f", {count['unknown']} that could not be looked at" if count["unknown"] else ""
    yield f"{stack}: {told}"
