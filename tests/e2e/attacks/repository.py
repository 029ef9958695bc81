"""Commits that a forge's own pages cannot make: symlinks, submodules, any file name and any subject, pushed by git."""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.forge.setup import DEVELOPER, REPOSITORY
from local.machine import Machine
from local.paths import SECRETS


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository; `.gitmodules` says which."""

    commit: str


Entry = str | Link | Submodule


class Clone:
    """A bare clone of the sample application's repository, as the developer has it."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        """Fetch the branch main into `folder`."""
        self.folder = folder
        self._url = f"{machine.forge.url}/{REPOSITORY}.git"
        folder.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--bare")
        self.git("fetch", "--quiet", self._url, "main:main")

    def push(self, branch: str, subject: str, entries: Mapping[str, Entry]) -> str:
        """Push one commit on top of main to a branch; its sha."""
        self.git("fast-import", "--quiet", "--date-format=now", stdin=_stream(branch, subject, entries))
        self.git("push", "--quiet", self._url, f"refs/heads/{branch}")
        return self.git("rev-parse", f"refs/heads/{branch}")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git; what it prints."""
        password = json.loads((SECRETS / "forge.json").read_text())[DEVELOPER]
        login = base64.b64encode(f"{DEVELOPER}:{password}".encode()).decode()
        variables = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
        }
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=variables, input=stdin, capture_output=True, check=True).stdout.decode().strip()


def _stream(branch: str, subject: str, entries: Mapping[str, Entry]) -> bytes:
    """What `git fast-import` reads."""
    lines = [
        f"commit refs/heads/{branch}",
        "committer Mallory <mallory@example.org> now",
        _data(subject),
        "from refs/heads/main",
    ]
    for path, entry in entries.items():
        quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        if isinstance(entry, Submodule):
            lines.append(f"M 160000 {entry.commit} {quoted}")
        else:
            mode, text = ("120000", entry.target) if isinstance(entry, Link) else ("100755", entry)
            lines += [f"M {mode} inline {quoted}", _data(text)]
    return ("\n".join(lines) + "\n").encode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
