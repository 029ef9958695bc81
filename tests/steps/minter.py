"""What a minter has around it: the forge, its Secret, and a clock whose minutes take none."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from steps.signals import Cancelled
from tests.steps.conftest import Sandbox
from tests.steps.server import Api, Forge
from tests.tasks.scripts.conftest import Result

SECRET = "/api/v1/namespaces/staging-ci/secrets/basic-auth"
SHOP, TILL = "/installations/87654321/access_tokens", "/installations/23456789/access_tokens"
READS = {"contents": "read", "metadata": "read"}


def at(minutes: float = 60) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(text: str, repository: str, **more: Any) -> dict[str, Any]:
    """What GitHub answers: https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app"""
    repositories = [{"id": 1, "full_name": repository}]
    return {
        "token": text,
        "expires_at": at(),
        "permissions": READS,
        "repository_selection": "selected",
        "repositories": repositories,
    } | more


def installed(asked: Forge) -> Forge:
    """Have an App installed for two owners."""
    asked.says(SHOP, token("ghs_shop", "acme/shop"), 201)
    asked.says(TILL, token("ghs_till", "Globex/Till"), 201)
    return asked


class Clock:
    """What a minter waits for; after so many rounds it is told to end. `refuses`: the API server takes nothing."""

    def __init__(self, rounds: int = 1, *, refuses: bool = False) -> None:
        self.now, self.left, self.refuses = 1000.0, rounds, refuses
        self.waits: list[float] = []
        self.ready: list[bool] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@contextmanager
def ticking(clock: Clock, ready: Path) -> Iterator[None]:
    """Each minute of waiting takes none."""

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        clock.ready.append(ready.exists())
        clock.left -= 1
        if clock.left <= 0:
            raise Cancelled

    time = mock.patch("steps.mint.time.monotonic", side_effect=lambda: clock.now)
    with mock.patch("steps.mint.time.sleep", sleep), time:
        yield


def given(sandbox: Sandbox, forge: Forge, api: Api) -> dict[str, str]:
    """What its container says."""
    sandbox.stub("openssl", "printf signature")
    return {
        "NAMESPACE": "staging-ci",
        "MINTED_INTO": "basic-auth",
        "MINTED_REPOSITORIES": "acme/shop acme.shop\nGlobex/Till globex.till",
        "API_URL": forge.api,
        "APP_ID": "Iv23liAbCdEf",
        "APP_INSTALLATION": "87654321",
        "APP_INSTALLATIONS": "globex 23456789",
        "APP_KEY_FILE": str(sandbox.file("key", "key")),
        "APP_RIGHTS": '{"contents": "read"}',
        "READY_FILE": str(sandbox.root / "ready"),
        "TOLD_FILE": str(sandbox.root / "told"),
        **api.env,
    }


def mint(sandbox: Sandbox, forge: Forge, api: Api, clock: Clock | None = None, there: Any = None) -> Result:
    """Run it for so many minutes; `there` are keys that its Secret has beside."""
    clock = clock or Clock()
    api.says("/secrets/", {"data": {"acme.shop": "", "globex.till": "", **(there or {})}}, method="PATCH")
    if clock.refuses:
        api.refuses("/secrets/")
    with ticking(clock, sandbox.root / "ready"):
        return sandbox.step("mint", **given(sandbox, forge, api))


def written(api: Api) -> list[dict[str, Any]]:
    return [call.body for call in api.calls if call.method == "PATCH"]


def data(body: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in body["data"].items()}
