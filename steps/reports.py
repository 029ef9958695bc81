"""Reads what tests wrote of themselves, and ends as they did.

It runs where they ran, in a pod that nobody believes: what it says is a line to quote. It is bounded, since whoever writes
tests writes reports; and whatever becomes of them, the tests' own end is the step's.
"""

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from steps import junit, summary
from steps.inputs import given
from steps.junit import ReportError
from steps.result import log, warn, write
from steps.summary import Count

# Of the files of a checkout, of the reports among them, of one's bytes and of all theirs; and how long that may take.
_ENTRIES, _FILES, _BYTES, _ALL_BYTES, _SECONDS = 500_000, 1000, 8 * 1024 * 1024, 64 * 1024 * 1024, 60
_WILDCARDS = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    work: Path = given("WORK")
    patterns: tuple[str, ...] = given("REPORTS")
    exit_code: Path = given("TEST_EXIT_CODE")
    tests: Path = given("RESULT_TESTS_PATH")


def run(inputs: Inputs) -> None:
    """Read the reports, then end as the tests did."""
    code = int(inputs.exit_code.read_text())
    try:
        count = _counted(inputs)
    except Exception as error:  # nothing that somebody wrote into a report is a reason to fail
        warn(f"the reports could not be read: {type(error).__name__}: {error}")
    else:
        if count.all:
            write(inputs.tests, summary.line(count))
            log(f"the tests say: {summary.line(count)}")
        else:
            warn(f"no report: nothing in {' '.join(inputs.patterns)}")
    if code:
        raise SystemExit(code)


def _counted(inputs: Inputs) -> Count:
    found, left, until = Count(), _ALL_BYTES, time.monotonic() + _SECONDS
    for number, path in enumerate(_matching(inputs.work, inputs.patterns), 1):
        if number > _FILES or left <= 0 or time.monotonic() > until:
            warn(f"there are more reports than are read: at most {_FILES}, and {_ALL_BYTES} bytes of them")
            break
        try:
            data = _content(inputs.work / path)
            left -= len(data)
            found.add(junit.read(data))
        except (OSError, ReportError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            warn(f"{path} is not counted: {reason}")
    return found


def _matching(root: Path, patterns: Sequence[str]) -> Iterator[str]:
    """Yield the files below a folder that a pattern names, in order. No link is followed."""
    wanted, left = re.compile("|".join(map(_expression, patterns)), re.DOTALL), _ENTRIES
    for folder, folders, files in os.walk(root):
        left -= len(folders) + len(files)
        if left < 0:
            warn(f"the tests left more than {_ENTRIES} files: not all are looked at")
            return
        folders.sort()
        inside = os.path.relpath(folder, root)
        for name in sorted(files):
            path = name if inside == "." else f"{inside}/{name}"
            if wanted.fullmatch(path):
                yield path


def _expression(pattern: str) -> str:
    """Return a pattern of paths as an expression."""
    parts = re.split("(\\*\\*/|\\*|\\?)", pattern)
    return f"(?:{''.join(_WILDCARDS.get(part) or re.escape(part) for part in parts)})"


def _content(path: Path) -> bytes:
    """Return what a plain file holds. Raises ReportError, OSError."""
    # A pipe would be waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ReportError("it is no file")
        data = file.read(_BYTES + 1)
    if len(data) > _BYTES:
        raise ReportError(f"it has more than {_BYTES} bytes")
    return data
