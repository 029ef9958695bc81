"""Paths in a repository and of an application's URLs: they are taken as they stand, and what cannot be is refused by name.

No shell reads them and git takes them literally, so that most of what stands in a file's name may stand here.
"""

import json
import re
from typing import Annotated, Any
from urllib.parse import quote

from components.settings.form import Form

_PATTERN = r"(?!/)(?!(?:.*/)?\.{1,2}(?:/|$))[\w.*?/ -]*[\w.*?-]"
# What a part of a path may consist of: printable ASCII but these four.
_PART = r"(?!\.{1,2}(?:/|$))[ -)+-.0->@-\[\]-~]+"
_INSIDE = rf"(?![-:! ])(?!.* $)(?!(?:.*/)?\.[gG][iI][tT](?:/|$)){_PART}(?:/{_PART})*"
_BESIDE_THE_ROOT = "`.` or a path below the root of the repository, without `..`"

_FIRST = {
    "-": "`-` first is an option's; name the folder above it",
    ":": "`:` first has a meaning of its own in git; name the folder above it",
    "!": "`!` leaves nothing out; list what belongs to it",
    " ": "a space is first or last; leave it out",
}
_NOWHERE = {
    "*": "`*` is no wildcard here, where a path stands for itself and for all below it; name the folder",
    "?": "`?` is no wildcard here, where a path stands for itself and for all below it; name the folder",
    "\\": "`\\` parts no folders; write `/`",
}


def _in_repository(value: Any) -> bool | str:
    """Return whether a path lies below the root; of one that does what may not stand there."""
    if not isinstance(value, str) or any(part in ("", ".", "..") for part in value.split("/")):
        return False
    for letter in value:
        if letter in _NOWHERE:
            return _NOWHERE[letter]
        if not " " <= letter <= "~":
            shown = json.dumps(letter)[1:-1] if ord(letter) < ord(" ") or not letter.isprintable() else letter
            return (
                f"`{shown}` is no printable ASCII: such a name can be written in more than one way, and git compares bytes; "
                "name the folder above it"
            )
    if value[0] in _FIRST or value[-1] == " ":
        return _FIRST.get(value[0], _FIRST[" "])
    if ".git" in value.lower().split("/"):
        return "git keeps nothing in a folder `.git`; leave it out"
    return True


def _beside_the_root(value: Any) -> bool | str:
    return value == "." or _in_repository(value)


def _dockerfile(value: Any) -> bool | str:
    verdict = _in_repository(value)
    if verdict is True and (odd := re.search(r"[\[\]]", value.rpartition("/")[2])):
        return f"`{odd[0]}` in a file's own name is a wildcard for BuildKit, which a folder's is not; rename the file"
    return verdict


def _glob(value: Any) -> bool | str:
    """Return whether a pattern lies below the root; it is no path that git sees."""
    if isinstance(value, str) and re.search(r"\*\*(?!/)|(?<!/)(?<!^)\*\*/", value):
        return "`**` stands for folders, between two `/`"
    return isinstance(value, str) and re.fullmatch(_PATTERN, value, re.ASCII) is not None


def _http(value: Any) -> bool | str:
    """Return whether a path can be asked for as it stands: by the kubelet, by curl and by Python alike."""
    if not isinstance(value, str) or not value.startswith("/"):
        return False
    if value.startswith("//"):
        return "`//` first is followed by a host; write one `/`"
    path, asks, query = value.partition("?")
    if odd := re.search(r"[^\w.~!$&'()+,;=:@/-]", path, re.ASCII):
        known = "`._~!$&'()+,;=:@/-`"
        return f"`{odd[0]}` would not be asked for as it stands; name a path of letters, digits and {known}"
    if asks and not query:
        return "`?` with nothing behind it; leave it out"
    if odd := re.search(r"(?!%[0-9A-Fa-f]{2})[^\w.~!$&'()*+,;=:@/?-]", query, re.ASCII):
        return f"`{odd[0]}` in a query has to be percent-encoded: `{quote(odd[0])}`"
    return True


def _form(allowed: str, is_right: Any, pattern: str) -> Form:
    return Form(allowed, is_right, {"pattern": f"^(?:{pattern})$", "patternErrorMessage": f"must be {allowed}"})


HttpPath = Annotated[
    str,
    _form(
        "a path that begins with `/`, with a query or without",
        _http,
        r"/(?!/)[\w.~!$&'()+,;=:@/-]*(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+)?",
    ),
]
# No `..`, no leading `/` or `-`: it is joined to the checkout and handed to commands.
RelativePath = Annotated[str, _form(_BESIDE_THE_ROOT, _beside_the_root, rf"\.|{_INSIDE}")]
Dockerfile = Annotated[
    str, _form("a path below the root of the repository, without `..`", _dockerfile, rf"(?!.*[\[\]][^/]*$){_INSIDE}")
]
Glob = Annotated[
    str,
    _form(
        "a path below the root of the repository of letters, digits, `_`, `.`, `-`, `/`, spaces and the wildcards `*`, `?` "
        "and `**/`, without `..`",
        _glob,
        _PATTERN,
    ),
]
PathInside = Annotated[
    str, _form("a path below the root of the repository, without `..` and no `/` last", _in_repository, _INSIDE)
]
