"""How texts and JSON that others wrote are taken and shown."""

import json
import re
from collections.abc import Sequence
from typing import Any

# Control characters and line ends of every kind, and what turns the direction of writing.
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]")
# How many of several texts a sentence names.
_SHOWN = 3
# What forges make mentions, references and links of, what ends a quotation, and more than one space.
_CALLING = re.compile('[@#"`<>|]|//+')
# Half of a character: JSON can say it, UTF-8 cannot.
_HALVES = re.compile("[\ud800-\udfff]")


def plain(text: str, *, lines: bool = False) -> str:
    """Return what others wrote as it may be shown: nothing in it rewrites a terminal, or reads as something else.

    `lines` keeps line ends: for text that is put together of parts that have none, or for a log.
    """
    shown = _UNPRINTABLE.sub(lambda found: "\n" if lines and found[0] == "\n" else " ", text)
    return _HALVES.sub("\ufffd", shown)


def quoted(text: str, longest: int) -> str:
    """Return what somebody's program printed within a sentence, in quotes: in one line, so long at most, calling nobody."""
    told = " ".join(_CALLING.sub(" ", plain(text[: 8 * longest])).split())
    return f'"{told if len(told) <= longest else told[: longest - 1].rstrip() + "…"}"'


def compact(value: Any) -> str:
    """Return JSON without spaces, as the admission policies look for it. Raises ValueError for a number without end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _HALVES.sub("\ufffd", text).replace("\x7f", "\\u007f")


def parsed(text: str | bytes) -> Any:
    """Return the value of JSON. Raises ValueError for everything else."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("too deep") from error


def same_repository(one: Any, other: str) -> bool:
    """Return whether two names are of one repository: forges make no difference between capitals and small letters."""
    return isinstance(one, str) and one.isascii() and one.lower() == other.lower()


def several(texts: Sequence[str]) -> str:
    """Return some texts, and how many more there are, within a sentence."""
    more = len(texts) - _SHOWN
    return " ".join(texts) if more <= 1 else f"{' '.join(texts[:_SHOWN])} and {more} more"


def told(value: Any) -> str:
    """Return a value of JSON within a sentence."""
    try:
        return value if isinstance(value, str) else compact(value)
    except (ValueError, RecursionError):
        return "no word"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
