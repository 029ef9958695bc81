"""One recording of each shipped stack for the whole run. Tests read plain dicts afterwards; none of them calls `apply`."""

import os
from collections.abc import Iterator

import pytest

from tests.support import STACKS, Declared, canary, record_stack

# An Output put into text by mistake raises, where it would otherwise write a warning's text into a manifest.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"


@pytest.fixture(scope="session")
def stacks() -> dict[str, Declared]:
    """Each shipped stack, as `pulumi up` would declare it."""
    return {name: record_stack(name) for name in STACKS}


@pytest.fixture(scope="session")
def files() -> dict[str, list[str]]:
    """The files that each stack has read in its preview."""
    return {name: [] for name in STACKS}


@pytest.fixture(scope="session")
def previews(files: dict[str, list[str]]) -> dict[str, Declared]:
    """Each shipped stack as `pulumi preview` would show it, with secrets that are found again wherever they go."""

    def preview(name: str) -> Declared:
        return record_stack(name, preview=True, read=lambda path: (files[name].append(path), canary(path))[1])

    return {name: preview(name) for name in STACKS}


@pytest.fixture(scope="session")
def staging(stacks: dict[str, Declared]) -> Declared:
    return stacks["staging"]


@pytest.fixture(scope="session")
def production(stacks: dict[str, Declared]) -> Declared:
    return stacks["production"]


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, stacks: dict[str, Declared]) -> Iterator[Declared]:
    """Each shipped stack in turn."""
    return stacks[request.param]
