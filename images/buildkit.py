"""BuildKit for the moment: started for a few builds, without a network, and ended with all that it has mounted and started.

What it runs lives in namespaces of its own: when its first process ends, however that comes, the kernel ends the others and
takes the mounts away, the one in memory with its state included. Without a network, a Dockerfile gets nothing but what it is
given as context.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from local.errors import UserError

TOOLS = ("buildkit", "runc")
"""The Go tools that it is, which have to be compiled before."""
START_SECONDS = 60
_GROUPS = "tekton-delivery-images-"
# Of the same content, the same digest: nothing in an image is of a later time than this.
EPOCH = "0"


@dataclass(frozen=True)
class Build:
    """What is built: a stage of a Dockerfile."""

    dockerfile: Path
    stage: str
    contexts: Mapping[str, Path] = field(default_factory=dict)
    """Folders by the name that the Dockerfile has for them; `context` is the one without a name."""
    labels: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildKit:
    """A daemon that runs."""

    client: Path
    address: str
    scratch: Path
    """A folder on the file system of the archives, gone with the daemon."""

    def build(self, what: Build, name: str, archive: Path) -> None:
        """Build an image and write it as an OCI archive, in which it has this name. What fails leaves no archive.

        Takes up to four times the image's size of memory, and gives it back.
        """
        contexts = {"dockerfile": what.dockerfile.parent, **what.contexts}
        # A `# syntax=` line has Docker fetch the newest reader of Dockerfiles; the empty `cmdline` says that it is in place.
        options = {"target": what.stage, "cmdline": "", "build-arg:SOURCE_DATE_EPOCH": EPOCH}
        options |= {f"context:{context}": f"local:{context}" for context in what.contexts if context != "context"}
        options |= {f"label:{key}": value for key, value in what.labels.items()}
        options |= {f"build-arg:{key}": value for key, value in what.arguments.items()}
        partial = self.scratch / archive.name
        command: list[str | Path] = [self.client, "--addr", self.address, "build", "--progress=plain"]
        command += ["--frontend=dockerfile.v0"]
        command += [f"--local={context}={folder}" for context, folder in contexts.items()]
        command += [f"--opt={key}={value}" for key, value in options.items()]
        # Layers as they are: the embedded cluster would unpack them again, and a registry packs what it is sent.
        command += [f"--output=type=oci,name={name},dest={partial},rewrite-timestamp=true,compression=uncompressed"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True)
            if answer.returncode != 0:
                last = "\n".join(answer.stderr.strip().splitlines()[-15:])
                raise UserError(f"BuildKit could not build {what.stage} of {what.dockerfile}:\n{last}")
            partial.chmod(0o644)
            partial.rename(archive)
        finally:
            partial.unlink(missing_ok=True)
            subprocess.run([self.client, "--addr", self.address, "prune", "--all"], capture_output=True)


@contextmanager
def started(tools: Mapping[str, Path], folder: Path) -> Iterator[BuildKit]:
    """Run BuildKit, whose state lies below the folder. The tools' folders hold its binaries."""
    # A socket's path may have 107 characters, which a folder of the cache may exceed.
    with tempfile.TemporaryDirectory(prefix="buildkit-") as sockets, (folder / "buildkit.log").open("w+") as log:
        client, address = tools["buildkit"] / "buildctl", f"unix://{sockets}/buildkitd"
        settings, root = folder / "buildkitd.toml", folder / "buildkit"
        settings.write_text(_settings(root, address, sockets))
        root.mkdir()
        process = subprocess.Popen(
            _command(tools["buildkit"] / "buildkitd", settings, root),
            env=os.environ | {"PATH": f"{tools['runc']}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(process, client, address, folder / "buildkit.log")
            yield BuildKit(client, address, folder)
        finally:
            _end(process)
            _remove_control_groups()


def _command(daemon: Path, settings: Path, root: Path) -> list[str | Path]:
    """The command that ends what it starts when this process ends, interrupted or killed."""
    if os.geteuid() != 0:
        raise UserError("Images are built by root here. Without it, docker builds them: images/README.md")
    missing = [name for name in ("setpriv", "unshare") if shutil.which(name) is None]
    if missing:
        raise UserError(
            f"Images are built in namespaces of their own, for which {', '.join(missing)} of util-linux is missing."
        )
    return [
        *("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
        # A layer is written four times before it is in the archive: on a disk most of the time would go there.
        *("sh", "-c", 'mount -t tmpfs -o mode=700 tmpfs "$0" && exec "$@"', root),
        *(daemon, "--config", settings),
    ]


def _settings(root: Path, address: str, sockets: str) -> str:
    """A configuration of its own, whatever another BuildKit of this machine has in /etc."""
    return f"""root = "{root}"
[grpc]
address = ["{address}"]
[otel]
socketPath = "{sockets}/otel"
[cdi]
disabled = true
[worker.containerd]
enabled = false
[worker.oci]
# All of it goes soon.
gc = false
defaultCgroupParent = "{_GROUPS}{os.getpid()}"
"""


def _wait(process: subprocess.Popen[bytes], client: Path, address: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while subprocess.run([client, "--addr", address, "debug", "workers"], capture_output=True).returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            said = log.read_text().splitlines()
            why = [line for line in said if line.startswith("buildkitd: ") or "level=error" in line] or said[-5:]
            raise UserError("BuildKit, which builds the images, did not start:\n" + "\n".join(why))
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the first process of the namespaces, and wait until the kernel has ended all others: unshare tells."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if children.exists() else []:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _remove_control_groups() -> None:
    """Control groups are in no namespace that ends: remove ours, and those of who was killed before this."""
    root = Path("/sys/fs/cgroup")
    for group in (*root.glob(f"{_GROUPS}*"), *root.glob(f"*/{_GROUPS}*")):
        owner = group.name.removeprefix(_GROUPS)
        if owner == str(os.getpid()) or not Path("/proc", owner).exists():
            for folder in (*sorted(group.rglob("*/"), reverse=True), group):
                with suppress(OSError):
                    folder.rmdir()
