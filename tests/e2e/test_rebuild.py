"""A merge over a moved base branch, which production refuses: rebuilt by one command, or by itself by a setting."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo import APPLICATION
from local.forge.client import PullRequest
from local.paths import ROOT
from tests.e2e.stacks import Pulumi, changed
from tests.e2e.world import World


def stale(world: World, message: str) -> PullRequest:
    """A pull request that staging ran before another one was merged. Both change the page."""
    first = world.open({"message.txt": f"{message}\n"})
    second = world.open({"second.txt": f"{message}, and the second\n"})
    assert world.run("staging", first)[1]
    assert world.run("staging", second)[1]
    world.merge(first)
    assert world.run("production", first)[1]
    world.merge(second)
    return second


def rebuilt(world: World, pull_request: PullRequest) -> None:
    """Both environments run the image of the merge commit, which staging vouched for."""
    merge = world.deployment("production").metadata.annotations["tekton-delivery/merge-commit"]
    assert merge != pull_request.head_sha
    assert world.deployment("staging").metadata.annotations["tekton-delivery/commit"] == merge
    assert world.digest("production") == world.digest("staging")


def test_the_command_that_the_refusal_names_ships_what_was_merged(world: World) -> None:
    second = stale(world, "Rebuilt by hand")
    _, succeeded, _ = world.run("production", second)
    assert not succeeded
    reason = world.status("production", second.head_sha)[1]
    command = f"python -m operate rebuild production {APPLICATION} {second.number}"
    assert reason.endswith(command), reason
    kubeconfig = {"KUBECONFIG": str(world.machine.cluster.kubeconfig)}
    done = subprocess.run(
        [sys.executable, *command.split()[1:]], cwd=ROOT, env=os.environ | kubeconfig, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    _, succeeded, told = world.run("production", second, known=1)
    assert succeeded, told
    rebuilt(world, second)
    world.serves("production", "Rebuilt by hand")


@pytest.fixture
def rebuilding(pulumi: Pulumi, tmp_path: Path) -> Iterator[None]:
    def change(settings: dict[str, Any]) -> None:
        settings["environments"][0]["staleBase"] = "rebuild"

    with changed(pulumi, tmp_path, change, "staging", "production"):
        yield


@pytest.mark.usefixtures("rebuilding")
def test_where_the_settings_say_so_it_is_rebuilt_without_a_word(world: World) -> None:
    second = stale(world, "Rebuilt by itself")
    run, succeeded, told = world.run("production", second)
    assert succeeded, told
    assert "waiting for the mark of staging" in world.logs(run, "promote", "promote")
    rebuilt(world, second)
    world.serves("production", "Rebuilt by itself")
    state, description = world.status("staging", second.head_sha)
    assert state == "success", description
