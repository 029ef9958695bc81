"""Go: the machine's own where it is new enough for the pinned modules, else the pinned one.

The module proxy serves Go itself as a module, so any Go fetches it, an old one of Debian's included. It comes into the cache
and is used for this project alone.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from local import debian
from local.errors import UserError
from local.locks import locked
from local.paths import CACHE, MODULES
from local.progress import Progress

Version = tuple[int, ...]

PINNED = (1, 26, 8)
MODULE = "golang.org/toolchain"
# Platform → the hash of the module's content, as Go's checksum database has it: who asks need not ask that.
SUMS = {
    "linux-amd64": "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
    "linux-arm64": "h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=",
}
# Modules hold no permissions.
COMMANDS = ("bin/*", "pkg/tool/*/*")


@dataclass(frozen=True)
class Go:
    """A Go that can be run."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)
    """What has to differ from the user's environment."""


def ensure(progress: Progress) -> Go:
    """Return a Go that compiles the pinned modules; installs one where there is none."""
    found = shutil.which("go")
    if found and version(found) >= needed():
        return Go(found)
    folder = pinned(progress)
    return Go(str(folder / "bin" / "go"), {"GOROOT": str(folder), "GOTOOLCHAIN": "local"})


def pinned(progress: Progress) -> Path:
    """Return the folder of the pinned Go, which any Go fetches."""
    folder = CACHE / "go" / text(PINNED)
    if not folder.is_dir():
        if not shutil.which("go"):
            debian.ensure(["golang-go"], progress)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # A second checkout waits here, and then finds it.
        with progress.step(f"Fetch Go {text(PINNED)}"), locked(folder.parent):
            if not folder.is_dir():
                fetch(shutil.which("go") or "go", folder)
    return folder


@cache
def needed() -> Version:
    """The newest Go that a pinned module asks for."""
    lines = [line for path in MODULES.glob("*/go.mod") for line in path.read_text().splitlines()]
    return max(_numbers(line) for line in lines if re.match(r"go \d", line))


def version(program: str) -> Version:
    """Return what a Go says it is; () where it does not say, as before 1.16."""
    answer = subprocess.run([program, "env", "GOVERSION"], cwd=tempfile.gettempdir(), capture_output=True, text=True)
    return _numbers(answer.stdout)


def fetch(program: str, folder: Path) -> None:
    """Make a folder of the pinned Go, by another Go. What an interruption leaves never looks complete."""
    platform = _go(program, "env", "GOOS", "GOARCH").replace("\n", "-")
    if platform not in SUMS:
        raise UserError(f"Go {text(needed())} or later is needed, and none is pinned for {platform}. Install it.")
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        wanted = f"{MODULE}@v0.0.1-go{text(PINNED)}.{platform}"
        answer = json.loads(_go(program, "mod", "download", "-json", wanted, GOMODCACHE=str(work), GOFLAGS="-modcacherw"))
        if answer["Sum"] != SUMS[platform]:
            raise UserError(f"{wanted} is not what was pinned: its hash is {answer['Sum']}, not {SUMS[platform]}.")
        usable(Path(answer["Dir"]))
        Path(answer["Dir"]).chmod(0o755)
        Path(answer["Dir"]).rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def usable(folder: Path) -> None:
    """Give a module's files back what they have in a Go that is installed."""
    for pattern in COMMANDS:
        for path in folder.glob(pattern):
            path.chmod(0o755)
    # A module has no other inside.
    for path in folder.rglob("_go.mod"):
        path.rename(path.with_name("go.mod"))


def text(numbers: Version) -> str:
    return ".".join(map(str, numbers))


def _numbers(line: str) -> Version:
    found = re.search(r"\d+(\.\d+)+", line)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def _go(program: str, *arguments: str, **variables: str) -> str:
    """Run Go outside any module and return what it prints."""
    result = subprocess.run(
        [program, *arguments],
        cwd=tempfile.gettempdir(), env=os.environ | variables, capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode != 0:
        # With -json the reason is in the answer.
        reason = (result.stderr or result.stdout).strip().splitlines()[-5:]
        raise UserError(f"`go {' '.join(arguments)}` failed:\n" + "\n".join(reason))
    return result.stdout.strip()
