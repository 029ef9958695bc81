"""How a step tells what came of it: Tekton's results, and its log."""

import sys
from dataclasses import dataclass
from pathlib import Path

from steps.inputs import given
from steps.text import plain

# Of a reason, in characters: Go writes some of them as six bytes.
_LONGEST = 500


def write(path: Path, text: str) -> None:
    """Write a result, which ends without a newline."""
    path.write_text(text, encoding="utf-8")


def give_reason(path: Path, text: str) -> None:
    """Write the result `reason`. Tekton takes 4096 bytes of all results of a step, and fails it where there are more."""
    write(path, plain(text)[:_LONGEST])


def log(text: str, *, lines: bool = False) -> None:
    """Print what others may have written."""
    print(plain(text, lines=lines), flush=True)


def warn(text: str, *, lines: bool = False) -> None:
    """Print to standard error what others may have written."""
    print(plain(text, lines=lines), file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result `reason`: one line."""

    reason: Path = given("RESULT_REASON_PATH")

    def give(self, text: str) -> None:
        """Give the reason."""
        give_reason(self.reason, text)

    def say(self, text: str) -> None:
        """Give the reason, and log it."""
        self.give(text)
        log(text)

    def refuse(self, text: str) -> SystemExit:
        """Give the reason why nothing happens; return what ends the step."""
        self.give(text)
        warn(f"refused: {text}")
        return SystemExit(1)
