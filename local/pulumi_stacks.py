"""The shipped stacks on the embedded cluster: Pulumi's environment, `pulumi up`, and the webhooks that it makes possible."""

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from local import policy_pack, pulumi_cli
from local.cluster import Cluster
from local.cluster.processes import GOGC
from local.errors import UserError
from local.forge import secret_files
from local.paths import PULUMI, ROOT, SECRETS
from local.plugins import install
from local.progress import Progress

STACKS = ("staging", "production")

BACKEND = PULUMI / "backend"
HOME = PULUMI / "home"
LAUNCHER = PULUMI / "bin"
PASSPHRASE = SECRETS / "pulumi-passphrase"
LANGUAGE_HOST = "pulumi-language-python"
# Objects that exist and that the state does not know are taken over as declared: newer providers call them an error without
# the first, and a field whose text the server has changed is a conflict with their former owner without the second.
UPSERT = {"PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}
FORCE = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
# An image that a pipeline owns must not be forced back.
EXCEPT_DEPLOYMENTS = ("--exclude", "**$kubernetes:apps/v1:Deployment::*")
_INCARNATION = PULUMI / "incarnation"
# For a state that nobody misses after a crash: checkpoints are written with every step of every resource.
WITHOUT_CHECKPOINTS = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


def official_cli() -> Path | None:
    """Return the user's own `pulumi`, if there is one; then nothing of Pulumi is compiled."""
    path = os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part) != LAUNCHER)
    found = shutil.which("pulumi", path=path)
    return Path(found) if found else None


def without_logs(home: Path) -> None:
    """Keep the CLI from writing all that it does to a log of its own: it has no switch for that, and takes twice the time.

    It goes on without where it can make no folder `logs` (`pkg/logging/encrypted.go` of pulumi 3.255).
    """
    logs = home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs)
    home.mkdir(parents=True, exist_ok=True)
    logs.write_text("In the place of the folder that the Pulumi CLI would fill with logs of all that it does.\n")


def needed_tools() -> tuple[str, ...]:
    """Return the tools that have to be compiled for Pulumi."""
    return (*(() if official_cli() else ("pulumi", LANGUAGE_HOST)), *install.needed_tools(HOME))


def environment(cluster: Cluster, folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the variables under which plain `pulumi` and `kubectl` work on the embedded cluster."""
    first = [LAUNCHER, folders["kubernetes"], ROOT / ".venv/bin"]
    inherited = [part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part) not in first]
    return {
        "PATH": os.pathsep.join([*map(str, first), *inherited]),
        "PULUMI_HOME": str(HOME),
        "PULUMI_BACKEND_URL": f"file://{BACKEND}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(PASSPHRASE),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "KUBECONFIG": str(cluster.kubeconfig),
    }


def process_environment(cluster: Cluster, folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the whole environment of a `pulumi` process."""
    variables = {**os.environ, "GOGC": GOGC, **environment(cluster, folders)}
    variables.pop("PULUMI_CONFIG_PASSPHRASE", None)  # it would win over the file
    return variables


def prepare(cluster: Cluster, folders: Mapping[str, Path], progress: Progress) -> None:
    """Make Pulumi's home, its backend and its plugins; forget states of a cluster that is gone."""
    incarnation = cluster.incarnation or ""
    if _INCARNATION.exists() and _INCARNATION.read_text() != incarnation:
        progress.line("  This is a new cluster: Pulumi's states of the former one are void and start anew with it.")
        shutil.rmtree(BACKEND, ignore_errors=True)
    BACKEND.mkdir(parents=True, exist_ok=True)
    without_logs(HOME)
    _INCARNATION.write_text(incarnation)
    if not PASSPHRASE.exists():
        secret_files.write(PASSPHRASE, secrets.token_urlsafe(24))
    cli = official_cli() or pulumi_cli.bundle(PULUMI / "cli", folders["pulumi"], folders[LANGUAGE_HOST]) / "pulumi"
    packs = {} if official_cli() else {policy_pack.SOURCE: policy_pack.write(PULUMI / "policy", HOME / "plugins")}
    pulumi_cli.install(LAUNCHER, cli=cli, backend=BACKEND, packs=packs)
    kubernetes = install.ensure_kubernetes(HOME, progress, cli, folders.get(install.TOOL))
    random = install.ensure_random(HOME, progress, cli, BACKEND)
    progress.line(
        f"  Pulumi: {'your own CLI' if official_cli() else 'CLI built here'}, {kubernetes}, {random} random plugin"
    )


def up(cluster: Cluster, folders: Mapping[str, Path], progress: Progress, files: Mapping[str, Path] | None = None) -> None:
    """Bring both stacks up side by side, and say what that took, e.g. `38 created` or `40 unchanged`.

    `files` are read in the place of the shipped stack files.
    """
    variables = process_environment(cluster, folders)
    flags = {stack: ("--config-file", str(file)) for stack, file in (files or {}).items()}
    with progress.step("pulumi up: staging and production"), ThreadPoolExecutor(len(STACKS)) as pool:
        summaries = list(pool.map(lambda stack: _up(stack, variables, flags.get(stack, ())), STACKS))
    for stack, summary in zip(STACKS, summaries, strict=True):
        progress.line(f"    {stack}: {summary}")


def _up(stack: str, variables: dict[str, str], flags: tuple[str, ...]) -> str:
    command(stack, variables, "stack", "select", "--create", stack)
    if not _release_dead_locks(stack):
        return deploy(stack, variables, *flags)
    # What that run had begun to create may or may not exist: a refresh finds out.
    command(stack, variables, "refresh", "--stack", stack, "--yes", "--skip-preview", "--clear-pending-creates")
    # What it made and did not live to write down is taken over.
    summary = deploy(stack, variables | UPSERT | FORCE, *EXCEPT_DEPLOYMENTS, *flags)
    deploy(stack, variables | UPSERT, *flags)
    # The state remembers how its provider was set.
    deploy(stack, variables, *flags)
    return f"after a killed run: {summary}"


def deploy(stack: str, variables: Mapping[str, str], *flags: str, project: Path = ROOT) -> str:
    """Run `pulumi up` and return what it did, e.g. `2 created, 46 unchanged`."""
    flags = ("--stack", stack, "--yes", "--skip-preview", "--suppress-outputs", *flags)
    return _counts(command(stack, variables, "up", *flags, project=project))


def altered(stack: str, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a copy of a shipped stack file, whose settings `change` edits, by key without the project's prefix."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    settings = {key.removeprefix("tekton-delivery:"): value for key, value in config.items()}
    change(settings)
    prefixed = {key if ":" in key else f"tekton-delivery:{key}": value for key, value in settings.items()}
    path = folder / "Pulumi.altered.yaml"
    path.write_text(json.dumps({"config": prefixed}))
    return path


def _counts(output: str) -> str:
    """Return what Pulumi says it did, e.g. `2 created, 46 unchanged`."""
    counts: list[str] = re.findall(r"^\s+[+~\-]*\s*(\d+ (?:created|updated|deleted|replaced|unchanged))\s*$", output, re.M)
    return ", ".join(counts) or "done"


def _release_dead_locks(stack: str) -> bool:
    """Remove the locks of runs that were killed. Returns whether there was one; a living run's lock stays."""
    found = False
    for lock in BACKEND.glob(f".pulumi/locks/**/{stack}/*.json"):
        if not Path(f"/proc/{json.loads(lock.read_text())['pid']}").exists():
            lock.unlink()
            found = True
    return found


def command(stack: str, variables: Mapping[str, str], *arguments: str, project: Path = ROOT) -> str:
    """Run `pulumi` on a stack of a project and return what it prints. Raises UserError with the end of it."""
    answer = subprocess.run(
        [str(LAUNCHER / "pulumi"), *arguments, "--non-interactive", "--color", "never"],
        cwd=project,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log = PULUMI / f"{stack}.log"
    log.write_text(answer.stdout)
    if answer.returncode != 0:
        end = "\n".join(answer.stdout.strip().splitlines()[-30:])
        raise UserError(f"`pulumi {' '.join(arguments)}` failed for the stack {stack} (whole output: {log}):\n{end}")
    return answer.stdout


def shell_exports(variables: Mapping[str, str]) -> str:
    """Return lines for `eval "$(make env)"`."""

    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()) + (
        "unset PULUMI_CONFIG_PASSPHRASE\n"
    )


def end_orphans(home: Path, processes: Path = Path("/proc")) -> int:
    """End what Pulumi left running under a home that is to be removed: plugins outlive a CLI that was killed by minutes.

    Returns how many there were. A plugin whose CLI lives has a parent; it is somebody's who is at work.
    """
    ended = 0
    for folder in processes.glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == "1" and f"PULUMI_HOME={home}".encode() in variables:
                os.kill(int(folder.name), signal.SIGTERM)
                ended += 1
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended meanwhile, or is no business of ours
    return ended
