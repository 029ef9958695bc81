"""A merge, in an environment of a chain."""

from pathlib import Path

import pytest

from tests.steps.chain import Chain
from tests.steps.conftest import Sandbox
from tests.steps.test_merges import Shop


@pytest.fixture
def chain(sandbox: Sandbox, tmp_path: Path) -> Chain:
    return Chain(sandbox, Shop(tmp_path / "shop"))


@pytest.fixture
def merged(chain: Chain) -> tuple[str, str]:
    """A merge and its head."""
    head = chain.shop.branch("change", "one")
    return chain.shop.merge("merge", "change"), head
