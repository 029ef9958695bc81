"""The images of the platform: which stage of which Dockerfile each is, and what that takes files from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCKERFILE = HERE / "Dockerfile"
CLUSTER = HERE / "cluster" / "Dockerfile"
DEBIAN_PACKAGES = HERE / "debian-packages"
TOOLS = HERE / "tools"
BASE_FILES = HERE / "base" / "files"
BUILDER_FILES = HERE / "builder" / "files"
PAUSE_SOURCE = HERE / "cluster" / "pause.c"
RUN_DELIVERED_SOURCE = TOOLS / "run-delivered.c"
USER = "65532:65532"

TEKTON_COMMANDS = {
    "pipeline": ("controller", "webhook", "entrypoint", "nop", "workingdirinit", "sidecarlogresults"),
    "triggers": ("controller", "webhook", "interceptors", "eventlistenersink"),
}


@dataclass(frozen=True)
class Recipe:
    """One image: a stage of a Dockerfile that has the image's name, and what its content depends on beside that file."""

    dockerfile: Path
    sources: Sequence[Path] = ()
    """Files and folders of the checkout."""
    binaries: Sequence[str] = ()
    """Compiled commands, by tool and path below the tool's folder: `tekton/pipeline/nop`."""
    programs: Sequence[Path] = ()
    """Sources of one C program each."""
    debian: Sequence[str] | None = None
    """The packages of which it has more than data, for its label; none of them is all of them. None: it has no Debian."""

    @property
    def tools(self) -> list[str]:
        """The Go tools that it takes binaries from; each is a context of that name."""
        return sorted({path.partition("/")[0] for path in self.binaries})

    @property
    def packages(self) -> list[str]:
        """Debian packages without which it cannot be made on this machine."""
        return [*(["mmdebstrap"] if self.debian is not None else []), *(["gcc", "libc6-dev"] if self.programs else [])]


RECIPES: dict[str, Recipe] = {
    "base": Recipe(DOCKERFILE, sources=[DEBIAN_PACKAGES, BASE_FILES], debian=["busybox-static"]),
    "builder": Recipe(
        DOCKERFILE,
        sources=[DEBIAN_PACKAGES, BASE_FILES, BUILDER_FILES],
        binaries=["buildkit/buildkitd", "buildkit/buildctl", "runc/runc"],
        debian=["busybox-static", "ca-certificates"],
    ),
    "tools": Recipe(
        DOCKERFILE,
        sources=[DEBIAN_PACKAGES, TOOLS / "files"],
        binaries=["crane/crane", "cosign/cosign", "oras/oras", "kubernetes/kubectl"],
        programs=[RUN_DELIVERED_SOURCE],
        debian=[],
    ),
    "pause": Recipe(CLUSTER, programs=[PAUSE_SOURCE]),
    "coredns": Recipe(CLUSTER, binaries=["coredns/coredns"]),
    "local-path-provisioner": Recipe(CLUSTER, binaries=["local-path-provisioner/local-path-provisioner"]),
} | {
    f"tekton-{module}-{command}": Recipe(CLUSTER, binaries=[f"tekton/{module}/{command}"])
    for module, commands in TEKTON_COMMANDS.items()
    for command in commands
}
