"""Shares modules between runs of the tests: each claims the next one that is left, the longest first."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

# What takes minutes, longest first, by what `--durations` told: begun last, it would keep one run going alone. Those after
# these are short, in any order. What brings the stack `both` up, or wants to be alone, is not close behind what removes it.
LONGEST = (
    "test_promotion.py",
    "test_applications.py",
    "test_services.py",
    "test_two_clusters.py",
    "test_both.py",
    "test_operating.py",
    "test_clean.py",
    "test_delivery.py",
    "test_settings.py",
    "test_cancelled.py",
    "test_rollback.py",
    "test_attacks.py",
    "test_pushes.py",
    "test_machine.py",
    "test_doctor.py",
    "test_github_app.py",
    "test_merges.py",
    "test_rebuild.py",
    "test_webhooks.py",
    "test_https.py",
    "test_existing.py",
    "test_pulumi.py",
    "test_monorepo.py",
    "test_pull_request_check.py",
    "test_builds.py",
    "test_ca_bundle.py",
    "test_attacks_marks.py",
    "test_rotation.py",
    "test_build_secrets.py",
    "test_registries.py",
    # What it has taken over after a killed run has two owners, and conflicts where settings change it (docs/ownership.md).
    "test_ownership.py",
)


# What neither changes the shipped stacks nor starts, or looks at, a run: it can go on beside others on the same machine.
APART = ("test_cluster.py", "test_upgrade.py", "test_init.py")


def claimed(items: Sequence[pytest.Item], claims: Path, apart: bool = False) -> Iterator[pytest.Item]:
    """The tests of those modules that nobody else has claimed, each module claimed when its turn has come.

    `apart` are only those that leave a machine to another run; the others take them last.
    """
    modules = {path.name: list(tests) for path, tests in groupby(items, lambda item: item.path)}
    middle = [name for name in modules if name not in (*LONGEST, *APART)]
    for name in filter(modules.__contains__, APART if apart else (*LONGEST, *middle, *APART)):
        try:
            (claims / name).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield from modules[name]


def with_following(values: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    """Each value with the one after it: pytest has to know which fixtures the next test needs."""
    rest = iter(values)
    current = next(rest, None)
    while current is not None:
        following = next(rest, None)
        yield current, following
        current = following
