"""How texts and JSON that others wrote are taken and shown."""

import json
import re
from collections.abc import Sequence
from typing import Any

# Of a commit status: GitHub refuses a description of more than 140 characters.
LONGEST = 139
# Control characters and line ends of every kind, what turns the direction of writing, and what nobody sees: Unicode's
# category Cf and Default_Ignorable_Code_Point, without the signs that colour emoji; as in components/tasks/scripts/plain.sh.
_UNPRINTABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u115f\\u1160\\u17b4\\u17b5"
    "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\U000110bd\\U000110cd"
    "\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff]"
)
# How many of several texts a sentence names.
_SHOWN = 3
# What ends or opens something within a sentence, or makes a mention or a link of what stands beside it.
_TELLING = re.compile(r"[^\w .,:;()/'=+-]+|(?<=/)/+|\bwww\.", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=//)\S*@")
# Half of a character: JSON can say it, UTF-8 cannot.
_HALVES = re.compile("[\ud800-\udfff]")


def plain(text: str, *, lines: bool = False) -> str:
    """Return what others wrote as it may be shown: nothing in it rewrites a terminal, or reads as something else.

    `lines` keeps line ends: for text that is put together of parts that have none, or for a log.
    """
    shown = _UNPRINTABLE.sub(lambda found: "\n" if lines and found[0] == "\n" else " ", text)
    return _HALVES.sub("\ufffd", shown)


def quoted(text: str, longest: int, *, beginning: bool = False) -> str:
    """Return the end of what a program printed, or its `beginning`, within a sentence: in quotes, or nothing.

    It is without mentions, links and logins of URLs.
    """
    harmless = _TELLING.sub(" ", _LOGIN.sub("", plain(text).replace('"', "'")))
    said, room = " ".join(harmless.split()), longest - 2
    if len(said) > room:
        said = f"{said[: room - 1]}\u2026" if beginning else f"\u2026{said[len(said) - room + 1 :]}"
    return f'"{said}"' if said and room > 1 else ""


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
