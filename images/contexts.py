"""What Dockerfiles are given as named contexts: a tree of Debian's packages, and compiled C programs."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from images.recipes import DEBIAN_PACKAGES
from local.errors import UserError

SUITE = "bookworm"


@dataclass
class Workshop:
    """What the builds of one run share."""

    scratch: Path

    @property
    def debian(self) -> Path:
        """The tree that `unpack` makes."""
        return self.scratch / "debian"

    def unpack(self) -> None:
        """Make a tree of Debian packages as they unpack: nothing is installed, since images take single files."""
        hooks = [
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f'--extract-hook=ls "$1/var/cache/apt/archives" >{shlex.quote(str(self._archives))}',
        ]
        mmdebstrap("the tools image", SUITE, self.debian, ["--variant=extract", *hooks], packages())

    @property
    def _archives(self) -> Path:
        return self.scratch / "debian-archives"

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """The label that records Debian packages: those named, or all that were unpacked."""
        found = dict(re.findall(r"^([^_\n]+)_([^_\n]+)_[^_\n]+\.deb$", self._archives.read_text(), re.MULTILINE))
        if not found:
            raise UserError("mmdebstrap left no package behind, so that nothing is known of what it unpacked")
        chosen = list(names) or sorted(found)
        return {"debian.packages": " ".join(f"{name}={found[name].replace('%3a', ':')}" for name in chosen)}

    def programs(self, sources: Sequence[Path]) -> Path:
        """A folder with the C programs, static: no image has the library."""
        folder = self.scratch / "programs"
        folder.mkdir(exist_ok=True)
        for source in sources:
            run(["gcc", "-Os", "-static", "-s", "-o", folder / source.stem, source], f"compile {source}")
        return folder


def packages() -> list[str]:
    """The packages that images/Dockerfile takes files from."""
    return [line for line in DEBIAN_PACKAGES.read_text().split("\n") if line and not line.startswith("#")]


def run(command: Sequence[str | Path], purpose: str) -> str:
    """Run a command and return what it prints."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        last = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise UserError(f"Could not {purpose}: {Path(command[0]).name} ended with {result.returncode}:\n{last}")
    return result.stdout


def mmdebstrap(image: str, suite: str, target: Path, options: Sequence[str], packages: Sequence[str]) -> None:
    """Make a tree of Debian's packages, or the tar of one. DEBIAN_MIRROR may name another mirror, or a dated snapshot."""
    mirror = os.environ.get("DEBIAN_MIRROR")
    # What it mounts in the tree goes with it, however it ends.
    command: list[str | Path] = ["unshare", "--mount", "mmdebstrap", "--quiet", *options]
    command += [f"--include={','.join(packages)}", suite, target]
    command += [mirror] if mirror else []
    answer = subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": "0"}, capture_output=True, text=True)
    if answer.returncode != 0:
        said = [line for line in answer.stderr.splitlines() if not line.startswith("umount: ")]
        # The first complaint is the reason; after it each program says that the one before has failed.
        why = next((line for line in said if line.startswith(("E: ", "Err:", "dpkg: error", "W: "))), "".join(said[-1:]))
        raise UserError(f"Debian's packages for {image} could not be had: {why}")
