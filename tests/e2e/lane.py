"""Shares modules between two runs of the tests: each claims the next one that is left, from either end of the list."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def claimed(items: Sequence[pytest.Item], claims: Path, backwards: bool) -> Iterator[pytest.Item]:
    """The tests of those modules that nobody else has claimed, each module claimed when its turn has come."""
    modules = [(path.name, list(tests)) for path, tests in groupby(items, lambda item: item.path)]
    for name, tests in reversed(modules) if backwards else modules:
        try:
            (claims / name).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield from tests


def with_following(values: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    """Each value with the one after it: pytest has to know which fixtures the next test needs."""
    rest = iter(values)
    current = next(rest, None)
    while current is not None:
        following = next(rest, None)
        yield current, following
        current = following
