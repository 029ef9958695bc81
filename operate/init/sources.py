"""Where a stack's secrets lie: in its own configuration, encrypted by Pulumi, or in files that only their owner reads."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.conventions import PROJECT
from operate import pulumi as cli
from operate.errors import OperateError

# .gitignore has it.
FOLDER = "secrets"
Source = dict[str, str]


def pulumi_there() -> bool:
    """Return whether there is a Pulumi CLI."""
    return shutil.which("pulumi") is not None


@dataclass
class Sources:
    """What a stack's sources hold: `{config: deployKey}` or `{file: secrets/staging/deployKey}`."""

    root: Path
    """The project's folder."""
    stack: str
    _config: dict[str, Any] | None = field(default=None, init=False, repr=False)
    _exists: bool | None = field(default=None, init=False, repr=False)

    def source(self, name: str, *, in_files: bool) -> Source:
        """Return where a value of that name belongs."""
        return {"file": f"{FOLDER}/{self.stack}/{name}"} if in_files else {"config": name}

    def read(self, source: Source) -> str | None:
        """Return what a source holds, None if there is nothing."""
        if path := source.get("file"):
            try:
                return (self.root / Path(path).expanduser()).read_text()
            except FileNotFoundError:
                return None
            except (OSError, UnicodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                raise OperateError(f"{path}: {reason}") from None
        if "config" not in source:
            return ""  # a Secret that is in the cluster already
        entry = self._entries().get(f"{PROJECT}:{source['config']}")
        return entry["value"] if entry else None

    def write(self, source: Source, value: str, *, secret: bool = True) -> None:
        """Put a value there. It goes by a file of mode 0600 or by standard input, and never by a command line."""
        if path := source.get("file"):
            write(self.root / Path(path).expanduser(), value)
            return
        how = "--secret" if secret else "--plaintext"
        self.pulumi("config", "set", how, "--stack", self.stack, "--", source["config"], given=value)
        self._config = None

    def set(self, path: str, value: str) -> None:
        """Change one value of the stack file, e.g. `listener.webhookSecret.generation`; its comments stay."""
        self.pulumi("config", "set", "--plaintext", "--stack", self.stack, "--path", "--", f"{PROJECT}:{path}", given=value)

    def unset(self, path: str) -> None:
        """Take one value out of the stack file."""
        self.pulumi("config", "rm", "--stack", self.stack, "--path", "--", f"{PROJECT}:{path}")

    def ensure_stack(self) -> bool:
        """Make the stack where Pulumi keeps its states. Returns whether it was missing."""
        if self.exists():
            return False
        self.pulumi("stack", "init", "--no-select", "--stack", self.stack)
        self._exists = True
        return True

    def exists(self) -> bool:
        """Return whether Pulumi knows the stack."""
        if self._exists is None:
            listed = json.loads(self.pulumi("stack", "ls", "--json"))
            self._exists = any(item["name"].rpartition("/")[2] == self.stack for item in listed)
        return self._exists

    def check(self, *, encrypted: bool) -> None:
        """Raise OperateError where Pulumi has no stack of this name, and yet the stack file holds what it encrypted.

        It is logged in elsewhere then. A new stack there would have new keys in the place of these, which nobody has twice.
        """
        if encrypted and not self.exists():
            raise OperateError(
                f"Pulumi.{self.stack}.yaml holds encrypted values, and Pulumi knows no stack {self.stack} where it is "
                "logged in (`pulumi whoami --verbose`); `pulumi login` where the stack is, or take them out if it is gone"
            )

    def outputs(self) -> dict[str, str]:
        """Return what the last `pulumi up` told, nothing before it."""
        if not pulumi_there() or not self.exists():
            return {}
        found = json.loads(self.pulumi("stack", "output", "--stack", self.stack, "--json", "--show-secrets"))
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def applied(self, value: str) -> bool:
        """Return whether the last `pulumi up` gave the cluster this value."""
        if not pulumi_there() or not self.exists():
            return False
        state = json.loads(self.pulumi("stack", "export", "--stack", self.stack, "--show-secrets"))
        return value.strip() in set(_secrets(state))

    def _entries(self) -> dict[str, Any]:
        if self._config is None:
            there = (self.root / f"Pulumi.{self.stack}.yaml").exists() and pulumi_there() and self.exists()
            answer = self.pulumi("config", "--stack", self.stack, "--json", "--show-secrets") if there else "{}"
            self._config = json.loads(answer)
        return self._config

    def pulumi(self, *arguments: str, given: str = "") -> str:
        """Return what Pulumi prints. Raises OperateError with what it says against it."""
        try:
            answer = cli.run(arguments, self.root, given)
        except FileNotFoundError:
            raise OperateError("pulumi is not on PATH; install it, or keep secrets in files: --secrets files") from None
        if answer.returncode != 0:
            raise OperateError(f"`pulumi {' '.join(arguments[:2])}`: {answer.stderr.strip()}")
        return answer.stdout


def _secrets(value: Any) -> Iterator[str]:
    """Yield every secret text of a state: `--show-secrets` leaves each value in its envelope, as JSON."""
    if isinstance(value, dict):
        if isinstance(value.get("plaintext"), str):
            yield from _texts(json.loads(value["plaintext"]))
            return
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _secrets(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader finds the old content or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text if text.endswith("\n") else f"{text}\n")
    Path(name).rename(path)
