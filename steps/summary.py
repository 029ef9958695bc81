"""What tests say of themselves, as a pod says it that runs a pull request's code: one line of one form, and nothing else.

Of names it has letters, digits and few signs, so that none is a link, a mention, or anything but a name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_SIGNS = "A-Za-z0-9_()/\\[\\]-"
LONGEST_NAME, _NAMES, _MOST = 40, 3, 9_999_999
_NUMBER, _NAME = "[0-9]{1,7}", f"[{_SIGNS}](?:[ {_SIGNS}]{{0,{LONGEST_NAME - 1}}})"
_FORM = re.compile(
    f"(?!.*(?://|\\]\\())"
    f"{_NUMBER} passed(?:, {_NUMBER} failed)?(?:, {_NUMBER} skipped)?(?:: {_NAME}(?:, {_NAME}){{0,{_NAMES - 1}}})?"
)


@dataclass
class Count:
    """How many tests there were of each kind, and the first that failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    names: list[str] = field(default_factory=list)

    def fail(self, name: str) -> None:
        """Count one that failed."""
        self.failed += 1
        if len(self.names) < _NAMES and (told := _name(name)) not in self.names:
            self.names.append(told)

    def add(self, other: "Count") -> None:
        """Count what another one has."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.names = [*self.names, *(name for name in other.names if name not in self.names)][:_NAMES]

    @property
    def all(self) -> int:
        """How many there were."""
        return self.passed + self.failed + self.skipped


def line(count: Count) -> str:
    """Return the line."""
    told = [f"{min(count.passed, _MOST)} passed"]
    for number, word in ((count.failed, "failed"), (count.skipped, "skipped")):
        told += [f"{min(number, _MOST)} {word}"] if number else []
    return ", ".join(told) + _named(count.names)


def is_one(text: Any) -> bool:
    """Return whether a text is such a line."""
    return isinstance(text, str) and _FORM.fullmatch(text) is not None


def shortened(text: str, longest: int) -> str:
    """Return a line with as many names as there is room for, or nothing where there is none for its counts."""
    counts, _, names = text.partition(": ")
    known = names.split(", ") if names else []
    found = (counts + _named(known[:number]) for number in range(len(known), -1, -1))
    return next((told for told in found if len(told) <= longest), "")


def _named(names: Sequence[str]) -> str:
    return f": {', '.join(names)}" if names else ""


def _name(text: str) -> str:
    told = re.sub(f"[^{_SIGNS}]+|//+|(?<=\\])(?=\\()", " ", text[: 10 * LONGEST_NAME]).strip()[:LONGEST_NAME].rstrip()
    return told or "unnamed"
