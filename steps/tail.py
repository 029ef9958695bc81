"""The last lines of a step's log that matter, as they may be shown: bounded, and nothing but text.

A pull request's code prints them: they are quoted, and decide nothing.
"""

import re
from collections.abc import Sequence

from steps.text import plain

# Of a comment: what a person takes in at once. A line that is longer than a screen is wide is cut.
LINES, WIDTH = 30, 300
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
# What names an error and is none: tests that passed, as the Test Anything Protocol and test runners write them.
_FINE = re.compile("^ok\\b|^(✓|✔|√)|\\b(PASSED|passed|PASS|ok)\\Z|^(PASS|--- PASS)\\b|\\b0 (errors|failed|failures)\\b")


def shown(log: str) -> list[str]:
    """Return a log's lines as a terminal would show them: without its codes, and of what overwrites itself the last."""
    found = []
    for line in log.split("\n"):
        drawn = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
        found.append(plain(drawn.replace("\t", "    ")).rstrip())
    return found


def last(lines: Sequence[str]) -> list[str]:
    """Return the last lines: at most LINES, each of at most WIDTH characters, no two of them empty."""
    kept: list[str] = []
    for line in reversed(lines):
        if line or (kept and kept[-1]):
            kept.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}\u2026")
        if len(kept) == LINES:
            break
    while kept and not kept[-1]:
        kept.pop()
    return kept[::-1]


def telling(lines: Sequence[str]) -> str:
    """Return the line that says most: the last one that reads as an error, rather not one that only sums up; or nothing."""
    there = [line for line in lines if line.strip()]
    errors = [line for line in there if _TELLING.search(line) and not _FINE.search(line.strip())]
    causes = [line for line in errors if not _SUMS_UP.search(line)]
    return next(iter((causes or errors or there)[-1:]), "").strip()
