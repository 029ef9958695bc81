"""A webhook secret is exchanged while events come in: none is lost, and the old secret opens nothing afterwards."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.forge.replay import rewrite, send
from local.forge.setup import REPOSITORY
from local.kubernetes_api import wait_until
from local.machine import LISTENER
from tests.e2e.stacks import Pulumi, altered, stack
from tests.e2e.world import World, await_listener, expose_listener, payload

NAME = "rotating"
NAMESPACE = f"{NAME}-ci"


class Rotating:
    """A stack of its own, whose quota lets runs start one pod at a time."""

    def __init__(self, world: World, pulumi: Pulumi, folder: Path) -> None:
        self._world, self._pulumi, self._folder = world, pulumi, folder
        self._url = ""
        self._number = 0

    def file(self, **webhook_secret: Any) -> Path:
        """The stack's settings in a state of the rotation."""

        def change(settings: dict[str, Any]) -> None:
            settings["environments"][0] |= {"name": NAME, "nodePorts": {}, "maxPods": 2}
            settings["listener"]["webhookSecret"] = webhook_secret

        return altered("production", self._folder, change)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with stack(self._pulumi, NAME, self.file(), beside=True):
            self._world.kubernetes.wait_for_deployment(NAMESPACE, LISTENER, seconds=90)
            self._url = self._world.machine.url(expose_listener(self._world.kubernetes, NAMESPACE))
            await_listener(self._url)
            yield

    def up(self, **webhook_secret: Any) -> None:
        flags = ["--stack", NAME, "--config-file", str(self.file(**webhook_secret)), "--yes", "--skip-preview"]
        self._pulumi("up", *flags)

    @property
    def newest(self) -> str:
        return self._world.kubernetes.webhook_secret(NAMESPACE)

    def event(self, *secrets: str) -> int:
        """Send a merge, signed with each of the secrets; the number of its pull request."""
        self._number += 1
        body = rewrite(payload("github", "closed_merged"), repository=REPOSITORY, head_sha="1" * 40, number=self._number)
        body["pull_request"]["merge_commit_sha"] = "2" * 40
        for secret in secrets:
            assert send(json.dumps(body).encode(), url=self._url, secret=secret).status_code == 202
        return self._number

    def started(self) -> list[int]:
        """The pull requests of all runs there are."""
        runs = self._world.kubernetes.runs(NAMESPACE)
        return sorted(int(run["metadata"]["labels"]["tekton-delivery/pull-request"]) for run in runs)

    @contextlib.contextmanager
    def events(self, secret: str) -> Iterator[None]:
        """Send an event after the other meanwhile."""
        done = threading.Event()

        def flow() -> None:
            while not done.is_set():
                self.event(secret)
                done.wait(2)

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def all_started(self, *, but: tuple[int, ...] = ()) -> None:
        """See that every event so far has started one run."""
        expected = [number for number in range(1, self._number + 1) if number not in but]
        wait_until(lambda: self.started() == expected, 20, f"of the events {expected} not each started one run")


@pytest.fixture
def rotating(world: World, pulumi: Pulumi, tmp_path: Path) -> Iterator[Rotating]:
    made = Rotating(world, pulumi, tmp_path)
    with made.running():
        yield made


def test_a_webhook_secret_is_exchanged_without_losing_an_event(rotating: Rotating) -> None:
    old = rotating.newest
    rotating.event(old)
    rotating.all_started()
    with rotating.events(old):
        rotating.up(generation=2, acceptPrevious=True)
    new = rotating.newest
    assert new != old
    rotating.event(new)
    rotating.event(old)
    rotating.event(new, old)  # a forge with two webhooks meanwhile
    rotating.all_started()
    with rotating.events(new):
        rotating.up(generation=2)
    refused = rotating.event(old)
    rotating.event(new)
    rotating.all_started(but=(refused,))
