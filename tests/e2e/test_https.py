"""Commits fetched over HTTPS (here without TLS): with a token that reads, and of a public repository without one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.demo import PORTS
from local.forge.setup import OWNER, REPOSITORY
from tests.e2e.stacks import AS_IT_WAS, Pulumi, side_by_side, up
from tests.e2e.world import World

Configure = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def configure(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configure]:
    """Bring both stacks up with a `forge.https`. Afterwards they fetch over SSH again."""
    folder = tmp_path_factory.mktemp("https")

    def fetching(https: dict[str, Any]) -> None:
        def change(settings: dict[str, Any]) -> None:
            del settings["forge"]["ssh"]
            settings["forge"]["https"] = {"url": world.machine.forge.url} | https

        up(pulumi, folder, change, *PORTS)

    yield fetching
    side_by_side(lambda name: pulumi("up", "--stack", name, *AS_IT_WAS), *PORTS)
    for name in PORTS:
        assert "ssh-privatekey" in world.kubernetes.secret(f"{name}-ci", "ssh-directory")


@pytest.fixture(scope="module")
def token(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    forge = world.machine.forge
    path = tmp_path_factory.mktemp("token") / "git-token"
    path.write_text(forge.admin.new_token(forge.developer.user, "git", ["read:repository"]) + "\n")
    return path


def secrets(world: World, environment: str) -> set[str]:
    return {item.metadata.name for item in world.kubernetes.core.list_namespaced_secret(f"{environment}-ci").items}


def delivered(world: World, message: str) -> None:
    pull_request = world.open({"message.txt": f"{message}\n"})
    _, succeeded, told = world.run("staging", pull_request)
    assert succeeded, told
    world.merge(pull_request)
    _, succeeded, told = world.run("production", pull_request)
    assert succeeded, told
    world.serves("production", message)


def test_a_token_that_reads_is_enough_for_a_delivery(world: World, configure: Configure, token: Path) -> None:
    configure({"token": {"file": str(token)}})
    for name in PORTS:
        assert {"basic-auth"} == secrets(world, name) & {"basic-auth", "ssh-directory"}
    delivered(world, "Fetched over HTTPS")
    written = httpx.post(
        f"{world.machine.forge.url}/api/v1/repos/{REPOSITORY}/branches",
        headers={"Authorization": f"token {token.read_text().strip()}"},
        json={"new_branch_name": "stolen"},
        trust_env=False,
    )
    assert written.status_code == 403, written.text


@contextmanager
def public(world: World) -> Iterator[None]:
    def show(to_all: bool) -> None:
        call, what = world.machine.forge.admin.call, "change who sees the repository"
        call("PATCH", f"/orgs/{OWNER}", what, json={"visibility": "public" if to_all else "private"})
        call("PATCH", f"/repos/{REPOSITORY}", what, json={"private": not to_all})

    show(to_all=True)
    try:
        yield
    finally:
        show(to_all=False)


def test_a_public_repository_needs_no_credential(world: World, configure: Configure) -> None:
    configure({})
    for name in PORTS:
        assert not {"basic-auth", "ssh-directory"} & secrets(world, name)
    private = world.open({"message.txt": "Nobody may read this\n"})
    run, succeeded, _ = world.run("staging", private)
    assert not succeeded
    assert "could not read Username" in world.logs(run, "build", "fetch")
    state, reason = world.status("staging", private.head_sha)
    assert state == "failure", reason
    with public(world):
        delivered(world, "Everybody may read this")
