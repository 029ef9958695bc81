"""Marks as somebody forges them who can push to the applications' registry, and production's judgement of them."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from components.tasks.rollout import MARK_TYPE
from local.demo import APPLICATION
from local.forge.setup import REPOSITORY
from local.paths import ROOT, SECRETS
from tests.e2e.attacks.registry import Login
from tests.e2e.world import World

# What production's step does once it has fetched the history.
PROVE = """
import json, os, sys
from steps.__main__ import ended
from steps.history import Content
from tests.steps.fetching import fetched
from tests.steps.proving import decide
with open(os.environ["CONTENT"]) as file:
    content = Content(**json.load(file))
sys.exit(ended(lambda: decide(os.environ, fetched(os.environ["HISTORY"]), content)))
"""


@dataclass(frozen=True)
class Key:
    """A cosign key pair's private half."""

    path: Path
    password: str

    @property
    def public(self) -> str:
        """The other half."""
        return self.path.with_suffix(".pub").read_text()


def stagings_key() -> Key:
    """What only pod 2's last step holds. It signs what differs from an honest mark in one field."""
    folder = SECRETS / "mark"
    return Key(folder / "cosign.key", (folder / "password").read_text())


def own_key(cosign: Path, folder: Path) -> Key:
    """A key pair of the attacker's."""
    folder.mkdir()
    variables = os.environ | {"COSIGN_PASSWORD": "own"}
    subprocess.run([cosign, "generate-key-pair"], cwd=folder, env=variables, check=True, capture_output=True)
    return Key(folder / "cosign.key", "own")


@dataclass
class Forger:
    """Pushes images and marks, and asks production's own step what it thinks of them."""

    world: World
    login: Login
    """A user who may push."""
    history: Path
    """A bare repository with `base` and the merge commit, as production's first step fetches it."""
    merge_sha: str

    @property
    def _cosign(self) -> str:
        return str(self.world.machine.folders["cosign"] / "cosign")

    @property
    def _variables(self) -> dict[str, str]:
        return os.environ | self.login.variables

    def attest(self, digest: str, key: Key, statement: dict[str, str], kind: str = MARK_TYPE) -> None:
        """Sign a statement on a digest, as the step sign does."""
        predicate = self.history.parent / "predicate.json"
        predicate.write_text(json.dumps(statement))
        registry = ["--allow-http-registry", "--allow-insecure-registry"]
        offline = ["--tlog-upload=false", "--use-signing-config=false"]
        what = ["--yes", "--key", str(key.path), "--type", kind, "--predicate", str(predicate)]
        command = [self._cosign, "attest", *registry, *offline, *what, self.login.image(APPLICATION, digest)]
        variables = self._variables | {"COSIGN_PASSWORD": key.password}
        subprocess.run(command, env=variables, check=True, capture_output=True)

    def tree(self) -> str:
        """The tree of the merge commit."""
        return self._git("log", "-1", "--format=%T", self.merge_sha)

    def beside(self) -> str:
        """A commit of the same tree that is not on the base branch."""
        author = ("-c", "user.name=Mallory", "-c", "user.email=mallory@example.org")
        return self._git(*author, "commit-tree", "-m", "Beside", self.tree())

    def prove(self, head_sha: str, **changed: str) -> tuple[str, str]:
        """What production's first step would roll out for a head commit, and why not if it would not.

        `changed` is what other settings would tell the step.
        """
        scratch = self.history.parent / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        content = scratch / "content.json"
        content.write_text(
            json.dumps({"tree": self.tree(), "current": True, "touched": True, "tested": False, "paths": None})
        )
        self._git("update-ref", "refs/heads/commit", self.merge_sha)
        environment = self._variables | self._declared(scratch) | {
            "PATH": f"{self.world.machine.folders['crane']}:{self.world.machine.folders['cosign']}:{os.environ['PATH']}",
            "PARAM_REPOSITORY": REPOSITORY,
            "PARAM_BASE_BRANCH": "main",
            "PARAM_MERGE_SHA": self.merge_sha,
            "PARAM_HEAD_SHA": head_sha,
            "PARAM_IMAGE": f"{self.login.address}/{APPLICATION}",
            "PARAM_APPLICATION": APPLICATION,
            "PARAM_PATHS": "",
            "PARAM_PULL_REQUEST": "1",
            "CONTENT": str(content),
            "MARK_TIMEOUT": "0",
            "HISTORY": str(self.history),
            "SCRATCH": str(scratch),
            "MARK": str(scratch / "mark.json"),
        } | changed  # fmt: skip
        command = [sys.executable, "-c", PROVE]
        answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
        image, reason = (path.read_text() if path.exists() else "" for path in (scratch / "image", scratch / "reason"))
        assert (answer.returncode == 0) == bool(image), answer.stderr
        return image.rpartition("@")[2], reason

    def _declared(self, results: Path) -> dict[str, str]:
        """What the Task on the cluster tells the step: whose mark is demanded, and the public key."""
        task = self.world.kubernetes.custom.get_namespaced_custom_object(
            "tekton.dev", "v1", "production-ci", "tasks", "promote"
        )
        (step,) = (step for step in task["spec"]["steps"] if step["name"] == "promote")
        values = {item["name"]: item.get("value", "") for item in step["env"] if item["name"] != "DOCKER_CONFIG"}
        return {name: re.sub(r"^\$\(results\.(.*)\.path\)$", rf"{results}/\1", value) for name, value in values.items()}

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.history), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
