"""The embedded registries, as whoever knows one of their passwords reaches them from this machine."""

import base64
import json
import os
import subprocess
from pathlib import Path

from local.cluster.names import QUARANTINE, REGISTRY
from local.machine import Machine
from local.paths import SECRETS

FOLDERS = {REGISTRY: "registry", QUARANTINE: "quarantine"}


class RefusedError(Exception):
    """A registry did not do what it was asked; its words."""


class Login:
    """One user of one registry."""

    def __init__(self, machine: Machine, folder: Path, host: str, user: str, password: str = "") -> None:
        """Log in with the user's own password, or another one; `folder` takes the credential."""
        self._machine = machine
        self.address = f"{machine.cluster.node_ip}:{host.rpartition(':')[2]}"
        password = password or (SECRETS / FOLDERS[host] / user).read_text()
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._folder = folder / f"{user}-{host.partition(':')[0]}"
        self._folder.mkdir(exist_ok=True)
        (self._folder / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": auth}}}))

    @property
    def variables(self) -> dict[str, str]:
        """What gives the login to a client."""
        return {"DOCKER_CONFIG": str(self._folder)}

    def image(self, repository: str, reference: str) -> str:
        """An image's name, by tag or digest, as it is reached from here."""
        return f"{self.address}/{repository}{'@' if ':' in reference else ':'}{reference}"

    def crane(self, *arguments: str) -> str:
        """Run crane; what it prints. Raises RefusedError."""
        command = [str(self._machine.folders["crane"] / "crane"), *arguments, "--insecure"]
        answer = subprocess.run(command, env=os.environ | self.variables, capture_output=True, text=True)
        if answer.returncode != 0:
            raise RefusedError(answer.stderr)
        return answer.stdout.strip()

    def digest(self, repository: str, tag: str) -> str:
        return self.crane("digest", self.image(repository, tag))

    def tag(self, repository: str, reference: str, tag: str) -> None:
        """Let a tag point at another image."""
        self.crane("tag", self.image(repository, reference), tag)

    def altered(self, repository: str, reference: str, tag: str) -> str:
        """Push another image under a tag, made of one that is there; its digest."""
        self.crane(
            "mutate", self.image(repository, reference), "--label", f"evil={tag}", "--tag", self.image(repository, tag)
        )
        return self.digest(repository, tag)

    def marks_of(self, repository: str, digest: str) -> str:
        """The tag under which cosign lists what was signed about an image."""
        tag = digest.replace(":", "-")
        self.digest(repository, tag)
        return tag
