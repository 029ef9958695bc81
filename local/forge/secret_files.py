"""Secrets in files: written whole, for their owner alone, and made once."""

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from local.errors import UserError


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader finds the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).rename(path)


def write_if_changed(path: Path, text: str) -> None:
    """Write a file as `write` does, unless it holds the text already."""
    if not path.exists() or path.read_text() != text:
        write(path, text)


def ensure_passwords(path: Path, users: Iterable[str]) -> dict[str, str]:
    """The users' passwords, as JSON in one file; those that are missing are made up."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {user: secrets.token_urlsafe(24) for user in users if user not in known}
    if missing:
        write(path, json.dumps(known | missing, indent=2) + "\n")
    return known | missing


def ensure_key_pair(path: Path, comment: str) -> str:
    """An ed25519 key pair at `path` and `path`.pub; the public line."""
    public = path.with_name(path.name + ".pub")
    if not (path.exists() and public.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        public.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise UserError("ssh-keygen is not on PATH. Install Debian's openssh-client.") from error
        except subprocess.CalledProcessError as error:
            raise UserError(f"ssh-keygen made no key at {path}: {error.stderr.strip()}") from error
    return public.read_text().strip()
