"""What has to be known: from the command line, from the environment, or from whoever sits at the terminal."""

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operate.errors import OperateError

Ask = Callable[[str], str]


@dataclass(frozen=True)
class Question:
    """One value that is wanted."""

    by: str
    """How it is given without a terminal: `--context` or, for a secret, `$FORGE_TOKEN`."""
    text: str
    given: str | None = None
    default: str | None = None

    @property
    def secret(self) -> bool:
        """Whether it must be on no screen."""
        return self.by.startswith("$")


def answers(questions: Sequence[Question], ask: Ask | None, ask_secretly: Ask) -> dict[str, str]:
    """Return each question's answer by its `by`. Raises OperateError that names all that cannot be asked for.

    `ask` is None where nobody can be asked. Defaults count only there, or where somebody leaves the answer empty.
    """
    found: dict[str, str] = {}
    missing = []
    for question in questions:
        value = question.given or (os.environ.get(question.by[1:], "") if question.secret else "")
        if not value and ask is None:
            value = question.default or ""
        elif not value and ask is not None:
            hint = f" [{question.default}]" if question.default else ""
            try:
                value = (ask_secretly if question.secret else ask)(f"{question.text}{hint}: ") or question.default or ""
            except EOFError:
                raise OperateError(f"no answer: {question.by} ({question.text})") from None
            if not value.strip():
                raise OperateError(f"no answer: {question.by} ({question.text})")
        if value.strip():
            found[question.by] = one_line(question, value)
        else:
            missing.append(f"{question.by} ({question.text})")
    if missing:
        raise OperateError(f"missing: {'; '.join(missing)}")
    return found


def one_line(question: Question, value: str) -> str:
    """Return a value without what a paste leaves around it. Never repeats it."""
    if len(value.strip().splitlines()) != 1:
        raise OperateError(f"{question.by} must be one line: {question.text}")
    found = value.strip()
    # A client says of a header that is none what is in it; arrow keys at a prompt are such characters.
    word = question.by.endswith("_TOKEN")
    if not found.isprintable() or (word and not (found.isascii() and " " not in found)):
        raise OperateError(f"{question.by} has characters that no {'token' if word else 'value'} has: {question.text}")
    return found


def terminal() -> tuple[Ask | None, Ask]:
    """Return how somebody is asked here, and how for a secret."""
    return (input if sys.stdin.isatty() else None), getpass.getpass
