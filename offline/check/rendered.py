"""What the program of a branch declared, as a file for those who do not run it: `python -m offline.check.rendered >FILE`.

The branch's own code writes the file, so it is read as an attacker's: bounded, of a known form, and data only.
"""

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from components.settings.errors import SettingsError
from offline.render import record
from offline.revision import RevisionError, stack_files
from offline.run import ROOT, Recording, Resource

# The shipped stacks take a fifteenth of it.
BYTES = 16 * 2**20
STACKS = 50
# Nothing that a forge makes a link of.
NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")


class RenderedError(Exception):
    """A file that is not there or not of the form."""


def written(recordings: Sequence[Recording]) -> str:
    """Return the file's text."""
    return json.dumps({each.stack: [_data(resource) for resource in each.resources] for each in recordings})


def _data(resource: Resource) -> dict[str, Any]:
    return {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "parent": resource.parent,
        "inputs": resource.inputs,
        "ignoreChanges": resource.ignore_changes,
        "sent": resource.sent,
    }


def read(path: Path) -> dict[str, Recording]:
    """Return what a file holds, by stack. Raises RenderedError for everything that `written` does not write."""
    try:
        loaded = json.loads(_bytes(path), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RenderedError(f"it is not JSON: {error}") from None
    if not isinstance(loaded, dict) or len(loaded) > STACKS or not all(map(NAME.fullmatch, loaded)):
        raise RenderedError(f"it has to name at most {STACKS} stacks, in letters, digits, `_` and `-`")
    return {stack: Recording(stack, [_resource(item) for item in _list(items)]) for stack, items in loaded.items()}


def _bytes(path: Path) -> bytes:
    """The content of a regular file and of nothing else, as far as it is bounded."""
    try:
        with open(path, "rb", opener=_open) as file:
            content = file.read(BYTES + 1)
    except OSError as error:
        raise RenderedError(f"it cannot be read: {error.strerror}") from None
    if len(content) > BYTES:
        raise RenderedError(f"it is longer than {BYTES} bytes")
    return content


def _open(path: str, flags: int) -> int:
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file")
    return handle


def _resource(item: object) -> Resource:
    found = _mapping(item)
    urn, kind, name, parent = (_text(found.get(key)) for key in ("urn", "type", "name", "parent"))
    if kind.count(":") != 2:
        _refuse("a type of three parts")
    ignored = tuple(map(_text, _list(found.get("ignoreChanges"))))
    return Resource(
        urn=urn,
        type=kind,
        name=name,
        parent=parent,
        custom=True,
        inputs=_mapping(found.get("inputs")),
        secret_paths=(),
        ignore_changes=ignored,
        protect=False,
        retain_on_delete=False,
        dependencies=(),
        aliases=(),
        provider="",
        sent=_mapping(found.get("sent")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else _refuse("a text")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else _refuse("a list")


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else _refuse("a mapping")


def _refuse(what: str) -> NoReturn:
    raise RenderedError(f"it is not of the form: {what} is missing, or stands where none should")


def main(arguments: list[str]) -> int:
    """Write what the named stacks declare, or all, to standard output. Returns the exit code."""
    try:
        recordings = [record(path) for path in stack_files(ROOT, arguments).values()]
    except (RevisionError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write(written(recordings))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
