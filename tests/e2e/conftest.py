"""Fixtures of the end-to-end tests. They use the embedded default as it runs: start it with `make up` or `make test`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import machine
from local.demo import PORTS
from local.machine import Machine
from tests.e2e.lane import claimed, with_following
from tests.e2e.removals import REMOVALS
from tests.e2e.stacks import Pulumi, cli
from tests.e2e.world import World, await_listener, delete_ended_runs, expose_listener, hide_listeners

# Their own tests run where they are delivered.
collect_ignore = ["applications"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--claims", type=Path, help="a folder where runs of these tests share modules among each other")
    parser.addoption("--apart", action="store_true", help="only what can go on beside another run on the same machine")


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run those modules that are left, where the tests are shared; otherwise pytest's own loop runs all."""
    claims = session.config.getoption("claims", None)
    if claims is None or session.testsfailed:
        return None
    for item, following in with_following(claimed(session.items, claims, session.config.getoption("apart"))):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is an end-to-end test."""
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def running() -> Machine:
    return machine.connect()


@pytest.fixture(scope="session")
def beside_others(pytestconfig: pytest.Config) -> bool:
    """Whether another run has the machine, and what is there for all tests."""
    return bool(pytestconfig.getoption("apart"))


@pytest.fixture(scope="session")
def world(running: Machine, beside_others: bool) -> Iterator[World]:
    ports = {name: expose_listener(running.kubernetes, f"{name}-ci") for name in PORTS}
    urls = {name: running.url(port) for name, port in ports.items()}
    for url in urls.values():
        await_listener(url)
    yield World(running, urls)
    if not beside_others:
        hide_listeners(running.kubernetes)


@pytest.fixture(scope="session", autouse=True)
def what_was_removed_beside_tests_is_gone() -> Iterator[None]:
    yield
    REMOVALS.check()


@pytest.fixture(scope="module")
def alone() -> None:
    """No stack is being removed: for tests that look at all that there is on the cluster."""
    REMOVALS.wait()


@pytest.fixture(scope="module", autouse=True)
def ended_runs_are_deleted(running: Machine, beside_others: bool) -> Iterator[None]:
    """Every second kubelet and containerd go through the containers of all pods, those of ended runs included."""
    yield
    if not beside_others:
        delete_ended_runs(running.kubernetes)


@pytest.fixture(scope="session")
def pulumi(world: World) -> Pulumi:
    """Run the CLI as a user does."""
    return cli(world)
