"""How a step tells what came of it: Tekton's results, and its log."""

import sys
from dataclasses import dataclass
from pathlib import Path

from steps.inputs import given
from steps.text import plain


def write(path: Path, text: str) -> None:
    """Write a result, which ends without a newline."""
    path.write_text(text, encoding="utf-8")


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

    def say(self, text: str) -> None:
        """Give the reason, and log it."""
        write(self.reason, plain(text))
        log(text)

    def refuse(self, text: str) -> SystemExit:
        """Give the reason why nothing happens; return what ends the step."""
        write(self.reason, plain(text))
        warn(f"refused: {text}")
        return SystemExit(1)
