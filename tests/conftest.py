"""One recording of each shipped stack file for the whole run. Tests read plain dicts; none of them calls `apply`."""

import dataclasses
import gc
import os
from collections.abc import Iterator

import pytest

from tests import sdk
from tests.support import ALL_STACKS, STACKS, Declared, canary, record_stack

# An Output put into text by mistake raises, where it would otherwise write a warning's text into a manifest.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"


def pytest_configure() -> None:
    """Shorten mock runs, and keep the garbage collector from going through all modules again and again."""
    sdk.shorten()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: what runs commands and asks servers waits for a third of its time."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session")
def stacks() -> dict[str, Declared]:
    """Each shipped stack, as `pulumi up` would declare it."""
    return {name: record_stack(name) for name in ALL_STACKS}


@dataclasses.dataclass
class Preview:
    """What `pulumi preview` would show of a stack, with secrets that are found again wherever they go."""

    declared: Declared
    files: list[str]
    """What the stack has read."""


@pytest.fixture(scope="session")
def previews(stacks: dict[str, Declared]) -> dict[str, Preview]:
    """Each shipped stack as a preview, once everything is imported."""

    def preview(name: str) -> Preview:
        files: list[str] = []
        declared = record_stack(name, preview=True, read=lambda path: (files.append(path), canary(path))[1])
        return Preview(declared, files)

    return {name: preview(name) for name in stacks}


@pytest.fixture(scope="session")
def staging(stacks: dict[str, Declared]) -> Declared:
    return stacks["staging"]


@pytest.fixture(scope="session")
def production(stacks: dict[str, Declared]) -> Declared:
    return stacks["production"]


@pytest.fixture(params=STACKS)
def single(request: pytest.FixtureRequest, stacks: dict[str, Declared]) -> Declared:
    """Each shipped stack of one environment in turn; the stack has its name."""
    return stacks[request.param]


@pytest.fixture(params=ALL_STACKS)
def stack(request: pytest.FixtureRequest, stacks: dict[str, Declared]) -> Iterator[Declared]:
    """Each shipped stack file in turn, and the one that uses every setting."""
    return stacks[request.param]
