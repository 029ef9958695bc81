"""The images of the platform: what is in each, and what it is made of."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from images.oci import Config, Layer
from local.errors import UserError

HERE = Path(__file__).resolve().parent
TOOLS = HERE / "tools"
BASE_FILES = HERE / "base" / "files"
BUILDER_FILES = HERE / "builder" / "files"
PAUSE_SOURCE = HERE / "pause" / "pause.c"
RUN_DELIVERED_SOURCE = TOOLS / "run-delivered.c"
USER = "65532:65532"

TEKTON_COMMANDS = {
    "pipeline": ("controller", "webhook", "entrypoint", "nop", "workingdirinit", "sidecarlogresults"),
    "triggers": ("controller", "webhook", "interceptors", "eventlistenersink"),
}


@dataclass
class Workshop:
    """What the recipes draw on. The Debian file tree is made when the first of them asks for it."""

    tools: Mapping[str, Path]
    scratch: Path

    def binary(self, path: str) -> Path:
        """A compiled command, by tool and path below the tool's folder: `tekton/pipeline/nop`."""
        tool, _, inside = path.partition("/")
        return self.tools[tool] / inside

    @cached_property
    def debian(self) -> Path:
        """The root filesystem that images/tools/rootfs.sh makes."""
        root = self.scratch / "rootfs"
        run([TOOLS / "rootfs.sh", root], "make the root filesystem of the tools image")
        return root

    def versions(self, *names: str) -> dict[str, str]:
        """The label that records the Debian packages: those named, or all that `debian` was taken from."""
        lines = self.debian.with_name("rootfs.packages").read_text().splitlines()
        packages = dict(line.split() for line in lines)
        return {"debian.packages": " ".join(f"{name}={packages[name]}" for name in names or packages)}


@dataclass(frozen=True)
class Recipe:
    """How one image is made, and the sources and binaries that its content depends on."""

    make: Callable[[Workshop], tuple[Sequence[Layer], Config]]
    sources: Sequence[Path] = ()
    binaries: Sequence[str] = ()
    packages: Sequence[str] = ()
    """Debian packages without which it cannot be made."""

    @property
    def tools(self) -> set[str]:
        """The Go tools that it takes binaries from."""
        return {path.partition("/")[0] for path in self.binaries}


def run(command: Sequence[str | Path], purpose: str) -> str:
    """Run a command and return what it prints."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        last = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise UserError(f"Could not {purpose}: {Path(command[0]).name} ended with {result.returncode}:\n{last}")
    return result.stdout


def tools(workshop: Workshop) -> tuple[Sequence[Layer], Config]:
    """What every pipeline step runs, and the page that a Deployment serves before its first delivery."""
    system = Layer()
    system.tree(workshop.debian)
    system.directory("home/tekton-delivery", owner=65532)
    clients = Layer()
    for path in TOOLS_BINARIES:
        clients.file(f"usr/bin/{Path(path).name}", workshop.binary(path), 0o755)
    starter = workshop.scratch / RUN_DELIVERED_SOURCE.stem
    _compile(RUN_DELIVERED_SOURCE, starter)
    clients.file(f"usr/bin/{starter.name}", starter, 0o755)
    # The entrypoint: an application's `args` are declared before there is anything that knows them.
    return [system, clients], Config(USER, entrypoint=["/usr/bin/serve-placeholder"], labels=workshop.versions())


def _compile(source: Path, binary: Path) -> None:
    run(["gcc", "-Os", "-static", "-s", "-o", binary, source], f"compile {source}")


def _busybox(workshop: Workshop) -> Layer:
    """Shell and the usual commands in one static binary."""
    layer = Layer()
    busybox = workshop.debian / "usr/bin/busybox"
    layer.file("bin/busybox", busybox, 0o755)
    for applet in run([busybox, "--list"], "ask busybox for its commands").split():
        if applet != "busybox":
            layer.symlink(f"bin/{applet}", "busybox")
    layer.directory("tmp", 0o1777)
    _files(layer, BASE_FILES)
    return layer


def _files(layer: Layer, folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            layer.file(str(path.relative_to(folder)), path, path.stat().st_mode & 0o755)


def base(workshop: Workshop) -> tuple[Sequence[Layer], Config]:
    """Busybox alone, a web server included: what applications are built from."""
    return [_busybox(workshop)], Config(USER, command=["sh"], labels=workshop.versions("busybox-static"))


def builder(workshop: Workshop) -> tuple[Sequence[Layer], Config]:
    """What the image step runs, and no other one: BuildKit, runc and busybox."""
    system = _busybox(workshop)
    certificates = "etc/ssl/certs/ca-certificates.crt"
    system.file(certificates, workshop.debian / certificates)
    _files(system, BUILDER_FILES)
    engine = Layer()
    for path in BUILDER_BINARIES:
        engine.file(f"usr/bin/{Path(path).name}", workshop.binary(path), 0o755)
    labels = workshop.versions("busybox-static", "ca-certificates")
    return [system, engine], Config("0:0", command=["buildctl", "--version"], labels=labels)


def pause(workshop: Workshop) -> tuple[Sequence[Layer], Config]:
    """Process 1 of every pod."""
    binary = workshop.scratch / "pause"
    _compile(PAUSE_SOURCE, binary)
    layer = Layer()
    layer.file("pause", binary, 0o755)
    return [layer], Config(USER, entrypoint=["/pause"])


def go_command(path: str) -> Recipe:
    """An image of one static binary, laid out as ko does: Tekton's pods call some of them by /ko-app/NAME."""

    def make(workshop: Workshop) -> tuple[Sequence[Layer], Config]:
        inside = f"/ko-app/{Path(path).name}"
        layer = Layer()
        layer.file(inside, workshop.binary(path), 0o755)
        return [layer], Config(USER, entrypoint=[inside])

    return Recipe(make, binaries=[path])


TOOLS_BINARIES = ["crane/crane", "cosign/cosign", "oras/oras", "kubernetes/kubectl"]
BUILDER_BINARIES = ["buildkit/buildkitd", "buildkit/buildctl", "runc/runc"]

RECIPES: dict[str, Recipe] = {
    "base": Recipe(base, sources=[TOOLS / "rootfs.sh", BASE_FILES], packages=["mmdebstrap"]),
    "builder": Recipe(
        builder,
        sources=[TOOLS / "rootfs.sh", BASE_FILES, BUILDER_FILES],
        binaries=BUILDER_BINARIES,
        packages=["mmdebstrap"],
    ),
    "tools": Recipe(tools, sources=[TOOLS], binaries=TOOLS_BINARIES, packages=["mmdebstrap", "gcc", "libc6-dev"]),
    "pause": Recipe(pause, sources=[PAUSE_SOURCE], packages=["gcc", "libc6-dev"]),
    "coredns": go_command("coredns/coredns"),
    "local-path-provisioner": go_command("local-path-provisioner/local-path-provisioner"),
} | {
    f"tekton-{module}-{command}": go_command(f"tekton/{module}/{command}")
    for module, commands in TEKTON_COMMANDS.items()
    for command in commands
}
