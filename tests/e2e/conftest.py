"""Fixtures of the end-to-end tests. They use the embedded default as it runs: start it with `make up` or `make test`."""

from collections.abc import Iterator

import pytest

from local import machine
from local.demo import PORTS
from local.machine import Machine
from tests.e2e.stacks import Pulumi, cli
from tests.e2e.world import World, expose_listener, hide_listeners


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is an end-to-end test."""
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def running() -> Machine:
    return machine.connect()


@pytest.fixture(scope="session")
def world(running: Machine) -> Iterator[World]:
    ports = {name: expose_listener(running.kubernetes, f"{name}-ci") for name in PORTS}
    yield World(running, {name: running.url(port) for name, port in ports.items()})
    hide_listeners(running.kubernetes)


@pytest.fixture(scope="session")
def pulumi(world: World) -> Pulumi:
    """Run the CLI as a user does."""
    return cli(world)
