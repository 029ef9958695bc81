"""Tekton's own code as a command: local/modules/tekton-contracts, compiled once for all checkouts."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from local import tools
from local.progress import Progress

Ask = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the compiled command."""
    for item in items:
        if "/contracts/" in str(item.path):
            item.add_marker("contracts")


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Run one of the command's verbs on some input; its answer."""
    # It has answered before it would have to collect garbage.
    env = os.environ | {"GOGC": "off"}
    binary = tools.ensure(["tekton-contracts"], Progress())["tekton-contracts"] / "tekton-contracts"

    def ask(verb: str, **given: Any) -> Any:
        answer = subprocess.run([binary, verb], input=json.dumps(given), capture_output=True, text=True, env=env)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return ask
