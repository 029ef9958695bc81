"""What does not become ready, what is interrupted, and what is refused. Each test goes on where the one before it ended."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Kubectl, NewStack
from tests.conformance.harness import Stack, interrupt, read, until
from tests.conformance.resources import Resource, deployment, kubernetes, pods, space

pytestmark = pytest.mark.conformance

NAME = {"$ref": ["space", "metadata", "name"]}
NO_IMAGE = "registry.internal:5000/no/such:image"


@pytest.fixture(scope="module")
def full(namespace: str) -> str:
    return f"{namespace}-fail"


@pytest.fixture(scope="module")
def stack(new_stack: NewStack) -> Stack:
    return new_stack("fail")


def job(name: str, image: str, command: list[str] | None, **rest: Any) -> Resource:
    template = pods(image, command, restartPolicy="Never")
    return kubernetes(name, "batch/v1:Job", NAME, spec={"backoffLimit": 0, "template": template}, **rest)


def test_what_does_not_become_ready_fails_with_the_reasons_and_is_kept(
    stack: Stack, full: str, images: dict[str, str]
) -> None:
    stack.declare(
        [
            space(full),
            deployment(NAME, pods(NO_IMAGE), timeout="8s"),
            job("failing", images["base"], ["sh", "-c", "exit 3"], timeout="60s"),
            job("working", images["base"], ["true"], timeout="60s"),
        ]
    )
    started = time.monotonic()
    run = stack.up("--continue-on-error")
    assert run.status != 0
    assert time.monotonic() - started < 60
    assert "ImagePull" in run.errors
    assert "ail" in run.errors
    state = stack.resources()
    assert state["app"]["initErrors"]
    assert state["failing"]["initErrors"]
    assert "initErrors" not in state["working"]


def test_a_refresh_finds_it_still_not_ready(stack: Stack) -> None:
    run = stack.refresh()
    assert run.status == 0, run.output
    state = stack.resources()
    assert state["app"]["initErrors"]
    assert "initErrors" not in state["working"]


def test_the_next_update_tries_again_and_waits(stack: Stack, full: str, images: dict[str, str]) -> None:
    stack.declare([space(full), deployment(NAME, pods(images["pause"]), timeout="60s")])
    run = stack.up()
    assert run.status == 0, run.output
    assert run.changed == {"app": ["update"], "failing": ["delete"], "working": ["delete"]}
    assert "initErrors" not in stack.resources()["app"]


def test_an_interrupt_ends_the_wait_and_keeps_what_was_made(stack: Stack, full: str, images: dict[str, str]) -> None:
    stack.declare([space(full), deployment(NAME, pods(images["pause"])), job("endless", images["pause"], None)])
    process = begin(stack, "endless")
    started = time.monotonic()
    interrupt(process)
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert time.monotonic() - started < 15
    assert "cancel" in read(process.returncode, output).output
    assert "endless" in stack.resources()


def test_the_stand_in_ends_with_a_cli_that_is_killed(stack: Stack, full: str, images: dict[str, str], home: Path) -> None:
    """The official plugin does not: seen running after more than an hour."""
    random = {"name": "id", "type": "random:index/randomId:RandomId", "props": {"byteLength": 4}}
    stack.declare([space(full), deployment(NAME, pods(images["pause"])), job("endless", images["pause"], None), random])
    before = plugin_processes(home)
    process = begin(stack, "endless")
    assert plugin_processes(home) - before
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: not plugin_processes(home) - before, 5, "a plugin without a CLI ends")
    for left in plugin_processes(home, b"pulumi-resource-kubernetes"):
        os.kill(left, signal.SIGTERM)
    subprocess.run(["pulumi", "cancel", "--yes", stack.name], cwd=stack.program, env=stack.environment, check=True)


def test_destroy_after_all_that_leaves_nothing(stack: Stack, full: str, kubectl: Kubectl) -> None:
    run = stack.destroy()
    assert run.status == 0, run.output
    assert list(stack.resources()) == []
    assert kubectl("get", "namespace", full, "--ignore-not-found") == ""


def begin(stack: Stack, name: str) -> "subprocess.Popen[str]":
    """Start an update and come back when the plugin waits for the resource."""
    process = stack.start("up", "--yes", "--skip-preview")
    assert process.stdout
    for line in process.stdout:
        if "Waiting for" in line and name in line:
            return process
    raise AssertionError(f"the update ended before it waited for {name}")


def plugin_processes(home: Path, program: bytes = b"local.plugins") -> set[int]:
    """The stand-ins, or other plugins, that run with this suite's PULUMI_HOME."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        ours = f"PULUMI_HOME={home}".encode() in environment
        if ours and program in command:
            found.add(int(entry.name))
    return found
