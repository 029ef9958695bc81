"""The objects that this or another version of the program declares, by stack."""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import yaml

from components.conventions import Manifest
from components.settings.documents import documents
from components.settings.errors import yaml_mistake
from offline.render import manifests, record
from offline.run import ROOT


class RevisionError(Exception):
    """A revision or a stack that is not there, or that cannot be rendered."""


def declared_here(stacks: Sequence[str]) -> dict[str, list[Manifest]]:
    """Return the objects that the named stacks declare, or all stacks, by stack."""
    return {name: manifests(record(path)) for name, path in stack_files(ROOT, stacks).items()}


def declared_in(revision: str, stacks: Sequence[str]) -> dict[str, list[Manifest]]:
    """Return the objects that the named stacks, or all, declared in another git revision, by stack.

    Its own program renders them, in a folder of its own and with this Python: the working tree stays as it is.
    """
    if revision.startswith("-"):  # git would take it for an option
        raise RevisionError(f"--against {revision}: a revision begins with no `-`; name a commit, branch or tag")
    exported = subprocess.run(["git", "archive", "--format=tar", revision], cwd=ROOT, capture_output=True, check=False)
    if exported.returncode != 0:
        reason = exported.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise RevisionError(f"--against {revision}: {reason}; name a commit, branch or tag of this repository")
    with tempfile.TemporaryDirectory(prefix="tekton-delivery-") as folder:
        other = Path(folder)
        with tarfile.open(fileobj=BytesIO(exported.stdout)) as archive:
            archive.extractall(other, filter="data")
        # A stack that is new since then declared nothing there.
        names = [name for name in stack_files(other, []) if not stacks or name in stacks]
        if not names:
            return {}
        command = [sys.executable, "-m", "offline.render", *names]
        rendered = subprocess.run(command, cwd=other, capture_output=True, text=True, check=False)
        if rendered.returncode != 0:
            lines = rendered.stderr.strip().splitlines() or ["no message"]
            raise RevisionError(f"--against {revision}: that version cannot be rendered: {lines[-1]}")
        texts = {name: (other / "rendered" / f"{name}.yaml").read_text() for name in names}
    found = {}
    for name, text in texts.items():
        try:
            found[name] = documents(text)
        except (ValueError, yaml.YAMLError) as error:
            raise RevisionError(
                f"--against {revision}: that version's {name}.yaml is no YAML: {yaml_mistake(error)}"
            ) from None
    return found


def stack_files(root: Path, stacks: Sequence[str]) -> dict[str, Path]:
    """Return the files of the named stacks, or of all, by stack."""
    existing = {path.stem.removeprefix("Pulumi."): path for path in sorted(root.glob("Pulumi.*.yaml"))}
    missing = set(stacks) - existing.keys()
    if missing:
        raise RevisionError(f"there is no stack {', '.join(sorted(missing))}; stacks are {', '.join(existing)}")
    return {name: path for name, path in existing.items() if not stacks or name in stacks}
