"""The last lines of a step's log that matter, as they may be shown: bounded, and nothing but text.

A pull request's code prints them: they are quoted, and decide nothing.
"""

import re
from collections.abc import Sequence

from steps.text import plain

# Of a comment: what a person takes in at once. A line that is longer than a screen is wide is cut.
LINES, WIDTH = 30, 300
# Of these, before and from the line on that says why.
_ABOUT = 6
# Colours and titles of terminals: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
_ESCAPES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~])")
# What reads as an error.
_TELLING = re.compile(
    "error|exception|fatal|panic|cannot|failed|\\bfail\\b|^not ok\\b|refused|denied|not found|no such|killed", re.IGNORECASE
)
# What says that something before it has failed, and not why: test runners', make's, npm's and BuildKit's last words.
_SUMS_UP = re.compile(
    "did not complete successfully|failed to solve|the tests failed|exit(ed with)? (code|status)|code ELIFECYCLE"
    "|^make(\\[\\d+\\])?: \\*\\*\\*|[0-9]+ (tests? )?failed|failed [0-9]+ tests?|^FAILED \\(|^FAIL\\b"
    "|^npm error A complete log",
    re.IGNORECASE,
)
# The builder's own last word on them (`steps/failure.py` says it, too).
_OURS = "error: the tests failed"
# What names an error and is none: tests that passed, as the Test Anything Protocol and test runners write them.
_FINE = re.compile("^ok\\b|^(✓|✔|√)|\\b(PASSED|passed|PASS|ok)\\Z|^(PASS|--- PASS)\\b|\\b0 (errors|failed|failures)\\b")


def shown(log: str) -> list[str]:
    """Return a log's lines as a terminal would show them: without its codes, and of what overwrites itself the last."""
    found = []
    for line in log.split("\n"):
        drawn = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
        found.append(plain(drawn.replace("\t", "    ")).rstrip())
    return found


def last(lines: Sequence[str], most: int = LINES) -> list[str]:
    """Return the last lines: at most so many, each of at most WIDTH characters, no two of them empty.

    Test runners and BuildKit end with a page of sums: where none of these lines says why, the first of them make room for
    those about the last line that does.
    """
    packed = _packed(lines)
    before, kept = packed[:-most], packed[-most:]
    if any(map(_says_why, kept)):
        return _trimmed(kept)
    at = next((number for number in reversed(range(len(before))) if _says_why(before[number])), None)
    if at is None:
        return _trimmed(kept)
    about = _trimmed(before[max(0, at - _ABOUT) : at + _ABOUT])
    return [*about, "\u2026", *_trimmed(kept[len(about) + 1 :])]


def telling(lines: Sequence[str]) -> str:
    """Return the line that says most: the last one that reads as an error, rather not one that only sums up; or nothing."""
    there = [line for line in lines if line.strip() not in ("", _OURS)]
    errors = [line for line in there if _is_error(line)]
    causes = [line for line in errors if _says_why(line)]
    return next(iter((causes or errors or there)[-1:]), "").strip()


def _is_error(line: str) -> bool:
    return bool(_TELLING.search(line)) and not _FINE.search(line.strip())


def _says_why(line: str) -> bool:
    return _is_error(line) and not _SUMS_UP.search(line)


def _packed(lines: Sequence[str]) -> list[str]:
    packed: list[str] = []
    for line in lines:
        if line or (packed and packed[-1]):
            packed.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}\u2026")
    while packed and not packed[-1]:
        packed.pop()
    return packed


def _trimmed(lines: list[str]) -> list[str]:
    """Return lines without an empty one at their beginning or end."""
    return lines[bool(lines and not lines[0]) : len(lines) - bool(lines and not lines[-1])]
