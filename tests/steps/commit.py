"""The commit that is built, signed and proven: its image, its tree, and what History says about it."""

import json
from pathlib import Path

from tests.steps.conftest import Sandbox, git

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "b" * 64
IMAGE = "registry.internal:5000/shop"
MARK_TYPE = "https://tekton-delivery/mark/v1"
PATHS = {"services/shop": "040000 abc", "lib": "040000 def"}


def at(repository: Path, revision: str) -> Path:
    """The history, once `commit` is this revision."""
    git(repository, "update-ref", "refs/heads/commit", git(repository, "rev-parse", revision))
    return repository


def content(sandbox: Sandbox, history: Path, **changed: object) -> Path:
    """What History says about the commit."""
    found = {"tree": tree(history, "commit"), "current": True, "touched": True} | changed
    return sandbox.file("content.json", json.dumps(found))


def tree(repository: Path, revision: str) -> str:
    return git(repository, "rev-parse", f"{revision}^{{tree}}")
