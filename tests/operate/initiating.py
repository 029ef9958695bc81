"""A place to run `init` in: a project's folder, a kubeconfig, a stand-in for Pulumi's CLI, and GitHub in memory."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from operate import __main__ as operate
from operate.init import command, keys
from operate.init.app import AppForge
from operate.init.github import GitHubForge
from tests.operate import pulumi_stub
from tests.operate.github import GitHub

SECRETS = {
    "FORGE_TOKEN": "administers-everything",
    "STATUS_TOKEN": "sets-statuses",
    "REGISTRY_PASSWORD": "opens-the-registry",
    "QUARANTINE_PASSWORD": "opens-the-quarantine",
}
WEBHOOK = "w" * 40
FLAGS = {
    "--repository": "acme/shop",
    "--context": "kind-kind",
    "--registry": "ghcr.io/acme",
    "--registry-user": "acme-bot",
    "--quarantine-user": "quarantine-bot",
}


@dataclass
class Place:
    """Where a test runs `init`."""

    root: Path
    github: GitHub
    capsys: pytest.CaptureFixture[str]
    said: str = ""

    def init(self, *arguments: str, stack: str = "staging", flags: bool = True, **changed: str) -> tuple[int, str]:
        """Run `operate init` as a person does; its exit code and all that it says."""
        given = FLAGS | {"--images": str(self.root / "images.txt")} if flags else {}
        given |= {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        words = [word for name, value in given.items() if value for word in (name, value)]
        code = operate.main(["init", stack, *words, *arguments])
        read = self.capsys.readouterr()
        self.said += read.out + read.err
        return code, read.out + read.err

    @property
    def file(self) -> Path:
        return self.root / "Pulumi.staging.yaml"

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.file.read_text())["config"]
        return found

    @property
    def pulumi(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "stub.json").read_text())
        return found

    def after_up(self, listener: str = "https://hooks.example.com") -> None:
        """What `pulumi up` leaves behind: outputs, and secrets in the state."""
        config = self.pulumi["config"]
        held = [f"{entry['value']}\n" for entry in config.values()]
        self.alter(outputs={"listener": listener, "webhookSecret": WEBHOOK}, state=held)

    def alter(self, **changes: Any) -> None:
        """Change what the stand-in of Pulumi knows."""
        (self.root / "stub.json").write_text(json.dumps(self.pulumi | changes))

    def there(self, kind: str, repository: str = "acme/shop") -> list[dict[str, Any]]:
        """What is registered at GitHub."""
        return list(self.github.repositories[repository][kind].values())


def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """Make one."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    stub = folder / "pulumi"
    stub.write_text(f"#!{sys.executable} -IS\n{Path(pulumi_stub.__file__).read_text()}")
    stub.chmod(0o755)
    kubeconfig = {
        "clusters": [{"name": "kind", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "kind", "user": {}}],
        "contexts": [{"name": "kind-kind", "context": {"cluster": "kind", "user": "kind"}}],
        "current-context": "kind-kind",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    digests = "".join(f"ghcr.io/acme/platform/{name}@sha256:{'0' * 64}\n" for name in ("base", "tools", "builder"))
    (tmp_path / "images.txt").write_text(digests)
    monkeypatch.setenv("PATH", f"{folder}")
    monkeypatch.setenv("PULUMI_STUB", str(tmp_path / "stub.json"))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    # What makes it hard to guess a password takes a quarter of a second for each key; test_init_keys.py has it as it is.
    monkeypatch.setattr(keys, "_N", 2)
    made = Place(tmp_path, GitHub(), capsys)
    made.github.add("acme/shop")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(
        command, "connect", lambda kind, api_url, token: GitHubForge(api_url, token, made.github.transport())
    )
    monkeypatch.setattr(
        command, "connect_app", lambda api_url, app_id, key: AppForge(api_url, app_id, key, made.github.transport())
    )
    monkeypatch.setitem(FLAGS, "--kubeconfig", str(tmp_path / "kubeconfig"))
    return made


def plain_answer(data: bytes, status: int = 200) -> SimpleNamespace:
    """What urllib3 has before it is read."""
    return SimpleNamespace(status=status, headers={}, read=lambda *_, **__: data, close=lambda: None)
