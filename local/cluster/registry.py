"""The two image registries: one that everything trusted uses, one that pods with unreviewed code may write to."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import yaml

from local.cluster.files import write
from local.cluster.health import answers
from local.cluster.names import QUARANTINE, REGISTRY, Machine
from local.cluster.network import Namespace
from local.cluster.processes import Component
from local.errors import UserError
from local.locks import locked
from local.paths import SECRETS


@dataclass(frozen=True)
class Registry:
    """One registry: the host that its images are named after, and who may log in."""

    component: str
    host: str
    users: tuple[str, ...]

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


REGISTRIES = (
    Registry("registry", REGISTRY, ("platform", "deployer", "puller")),
    Registry("quarantine", QUARANTINE, ("untrusted", "deployer")),
)

# Every request is checked against the hash. A long random password needs no slow one.
_BCRYPT_ROUNDS = 4


def passwords(folder: Path = SECRETS) -> dict[str, dict[str, str]]:
    """Registry host → user → password, made up when first asked for and kept."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "registry.json"
    with locked(folder):
        known: dict[str, dict[str, str]] = {}
        if path.exists():
            try:
                known = json.loads(path.read_text())
            except json.JSONDecodeError as error:
                raise UserError(f"{path} is not JSON ({error}). Remove it and new passwords are made.") from error
        complete = {
            registry.host: {
                user: known.get(registry.host, {}).get(user) or secrets.token_urlsafe(24) for user in registry.users
            }
            for registry in REGISTRIES
        }
        if complete != known:
            write(path, json.dumps(complete, indent=2) + "\n", mode=0o600)
    return complete


def component(registry: Registry, machine: Machine, namespace: Namespace) -> Component:
    folder = machine.layout.state / registry.component
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    users = folder / "htpasswd"
    logins = passwords(machine.layout.secrets)[registry.host]
    if not accepts(users, logins):
        # Read again by the registry whenever it changes.
        write(users, htpasswd(logins), mode=0o600)
    config = write(folder / "config.yaml", yaml.safe_dump(registry_config(registry, folder, users), sort_keys=False))
    argv = (machine.binary("registry", "registry"), "serve", str(config))
    # Not logged in: the registry answers that one has to be.
    ready = answers(namespace, f"http://{machine.node_ip}:{registry.port}/v2/", status=401)
    # It would look for a collector of its traces for ever.
    quiet = {"OTEL_TRACES_EXPORTER": "none"}
    return Component(registry.component, argv, ready, files=(config,), env=quiet)


def registry_config(registry: Registry, folder: Path, users: Path) -> dict[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": f":{registry.port}"},
        "auth": {"htpasswd": {"realm": registry.host, "path": str(users)}},
    }


def htpasswd(logins: Mapping[str, str]) -> str:
    """The file of users that the registry reads."""
    return "".join(
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_ROUNDS)).decode()}\n"
        for user, password in logins.items()
    )


def accepts(users: Path, logins: Mapping[str, str]) -> bool:
    """Whether a file of users holds exactly these logins."""
    if not users.exists():
        return False
    hashes = dict(line.split(":", 1) for line in users.read_text().splitlines())
    return hashes.keys() == logins.keys() and all(
        bcrypt.checkpw(password.encode(), hashes[user].encode()) for user, password in logins.items()
    )
