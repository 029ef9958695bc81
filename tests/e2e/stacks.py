"""Pulumi as a user runs it on the embedded cluster, and stacks of a test's own beside the shipped ones."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local import machine, pulumi_stacks
from local.forge.setup import REPOSITORY
from local.paths import ROOT
from local.progress import Progress
from local.pulumi_stacks import altered
from tests.e2e.removals import REMOVALS
from tests.e2e.world import World

__all__ = ["altered"]

Pulumi = Callable[..., "subprocess.CompletedProcess[str]"]

# For changes of what nobody else writes to, thus not of a Deployment: to read the whole stack first takes as long again.
AS_IT_WAS = ("--yes", "--skip-preview", "--refresh=false")


def cli(world: World) -> Pulumi:
    """The CLI as after `eval "$(make env)"`, but for a state that is written in the end alone: no test kills it."""
    variables = pulumi_stacks.process_environment(world.machine.cluster, world.machine.folders)
    return runner(variables | pulumi_stacks.WITHOUT_CHECKPOINTS)


def runner(variables: Mapping[str, str], project: Path = ROOT) -> Pulumi:
    """The CLI in a project. A command that fails is an error, unless `check=False`."""

    def run(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        answer = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)
        assert not check or answer.returncode == 0, answer.stdout + answer.stderr
        return answer

    return run


@contextlib.contextmanager
def changed(pulumi: Pulumi, folder: Path, change: Callable[[dict[str, Any]], None], *stacks: str) -> Iterator[None]:
    """Bring shipped stacks up with other settings, of anything but Deployments; in the end they are what they were."""
    try:
        up(pulumi, folder, change, *stacks)
        yield
    finally:
        side_by_side(lambda name: pulumi("up", "--stack", name, *AS_IT_WAS), *stacks)


def up(pulumi: Pulumi, folder: Path, change: Callable[[dict[str, Any]], None], *stacks: str) -> None:
    """Bring shipped stacks up with other settings, of anything but Deployments."""

    def bring(name: str) -> None:
        own = folder / name
        own.mkdir(exist_ok=True)
        pulumi("up", "--stack", name, *AS_IT_WAS, "--config-file", str(altered(name, own, change)))

    side_by_side(bring, *stacks)


def side_by_side(work: Callable[[str], object], *stacks: str) -> None:
    """Do the same with several stacks at once: for much of the time each waits for the cluster."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, stacks))


@contextlib.contextmanager
def stack(
    pulumi: Pulumi, name: str, file: Path, *, beside: bool = False, gone: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Bring a stack up, and destroy it when the test is done with it: `beside` the next tests where none looks at that.

    `gone` is called once it is destroyed, and says what has to be true then.
    """
    flags = ["--stack", name, "--config-file", str(file), "--yes", "--skip-preview"]
    own = ROOT / f"Pulumi.{name}.yaml"
    # Stacks of different names share no namespace.
    REMOVALS.wait(name)
    shipped = own.exists()

    def remove() -> None:
        # What is there is deleted as the state has it, whatever became of it meanwhile.
        pulumi("destroy", "--stack", name, "--config-file", str(file), *AS_IT_WAS)
        pulumi("stack", "rm", name, "--yes", "--preserve-config")
        if not shipped:
            own.unlink(missing_ok=True)
        gone()

    pulumi("stack", "select", "--create", name)
    try:
        pulumi("up", *flags)
        yield
    finally:
        if beside:
            REMOVALS.begin(name, remove)
        else:
            remove()


@contextlib.contextmanager
def heard(world: World, name: str, environment: str, listener: str, alone: bool = True) -> Iterator[None]:
    """Have the forge tell a stack's listener about pull requests, and the shipped stacks' not meanwhile if it is `alone`."""
    kubernetes, forge, namespace = world.kubernetes, world.machine.forge, f"{environment}-ci"
    kubernetes.wait_for_deployment(namespace, listener, seconds=90)
    address = kubernetes.service_address(namespace, listener)
    for shipped in pulumi_stacks.STACKS if alone else ():
        forge.admin.delete_webhook(REPOSITORY, shipped)
    forge.ensure_webhook(name, f"http://{address}:8080", kubernetes.webhook_secret(namespace))
    try:
        yield
    finally:
        forge.admin.delete_webhook(REPOSITORY, name)
        machine.tell(kubernetes, forge, Progress(write=lambda text: None, tty=False))
