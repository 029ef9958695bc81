"""The objects that this or another version of the program declares."""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import yaml

from components.conventions import Manifest
from offline.reachability.objects import ReachabilityError
from offline.render import manifests, record
from offline.run import ROOT


def declared_here(stacks: Sequence[str]) -> list[Manifest]:
    """Return the objects that the named stacks declare, or all stacks."""
    return [item for path in _stack_files(ROOT, stacks) for item in manifests(record(path))]


def declared_in(revision: str, stacks: Sequence[str]) -> list[Manifest]:
    """Return the objects that the named stacks, or all, declared in another git revision.

    Its own program renders them, in a folder of its own and with this Python: the working tree stays as it is.
    """
    exported = subprocess.run(["git", "archive", "--format=tar", revision], cwd=ROOT, capture_output=True, check=False)
    if exported.returncode != 0:
        reason = exported.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise ReachabilityError(f"--against {revision}: {reason}; name a commit, branch or tag of this repository")
    with tempfile.TemporaryDirectory(prefix="tekton-delivery-") as folder:
        other = Path(folder)
        with tarfile.open(fileobj=BytesIO(exported.stdout)) as archive:
            archive.extractall(other, filter="data")
        # A stack that is new since then declared nothing there.
        existing = [_name(path) for path in _stack_files(other, [])]
        names = [name for name in existing if not stacks or name in stacks]
        if not names:
            return []
        command = [sys.executable, "-m", "offline.render", *names]
        rendered = subprocess.run(command, cwd=other, capture_output=True, text=True, check=False)
        if rendered.returncode != 0:
            lines = rendered.stderr.strip().splitlines() or ["no message"]
            raise ReachabilityError(f"--against {revision}: that version cannot be rendered: {lines[-1]}")
        texts = [(other / "rendered" / f"{name}.yaml").read_text() for name in names]
    return [item for text in texts for item in yaml.safe_load_all(text)]


def _stack_files(root: Path, stacks: Sequence[str]) -> list[Path]:
    """Return the files of the named stacks, or of all."""
    existing = sorted(root.glob("Pulumi.*.yaml"))
    missing = set(stacks) - {_name(path) for path in existing}
    if missing:
        known = ", ".join(_name(path) for path in existing)
        raise ReachabilityError(f"there is no stack {', '.join(sorted(missing))}; stacks are {known}")
    return [path for path in existing if not stacks or _name(path) in stacks]


def _name(path: Path) -> str:
    return path.stem.removeprefix("Pulumi.")
