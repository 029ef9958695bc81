"""The two image registries: one that everything trusted uses, one that pods with unreviewed code may write to."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from local.cluster.files import write
from local.cluster.health import answers
from local.cluster.names import QUARANTINE, REGISTRY, Machine
from local.cluster.network import Namespace
from local.cluster.processes import Component
from local.errors import UserError
from local.locks import locked
from local.paths import SECRETS

Rules = tuple[tuple[str, tuple[str, ...]], ...]
"""Prefix of repositories' names → what may be done there. The first that fits decides; nothing fits, nothing may be done."""

PULL = ("pull",)
PUSH = ("pull", "push")
EVERYTHING = ("pull", "push", "delete")
DELETE = ("pull", "delete")
# The images that the platform itself runs and that applications are built on; all others are applications'.
PLATFORM = "platform/"
# Images of an environment that keeps its own: in the second registry, and nothing that a build could write to.
RELEASED = "released/"
# Takes away what rejected pull requests left.
CLEANER: Rules = ((PLATFORM, ()), (RELEASED, ()), ("", DELETE))


@dataclass(frozen=True)
class Registry:
    """One registry: the host that its images are named after, who may log in, and to do what."""

    component: str
    host: str
    users: Mapping[str, Rules]

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


REGISTRIES = (
    Registry(
        "registry",
        REGISTRY,
        {
            "platform": (("", EVERYTHING),),
            "deployer": ((PLATFORM, PULL), ("", PUSH)),
            "cleaner": CLEANER,
            "puller": (("", PULL),),
        },
    ),
    Registry(
        "quarantine",
        QUARANTINE,
        {
            "platform": (("", EVERYTHING),),
            "untrusted": ((PLATFORM, PULL), (RELEASED, ()), ("", PUSH)),
            "deployer": ((RELEASED, PUSH), ("", PULL)),
            "cleaner": CLEANER,
        },
    ),
)


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
    logins = passwords(machine.layout.secrets)[registry.host]
    users = write(folder / "users.json", json.dumps(rights(registry, logins), indent=2), mode=0o600)
    config = write(folder / "config.yaml", yaml.safe_dump(registry_config(registry, folder, users), sort_keys=False))
    # Nothing writes before it serves: the time to give room back that deleted images took. A new one has none to look at.
    collecting = '"$0" garbage-collect "$1" >/dev/null 2>&1; exec "$0" serve "$1"'
    argv = ("/bin/sh", "-c", collecting, machine.binary("registry", "registry"), str(config))
    # Not logged in: the registry answers that one has to be.
    ready = answers(namespace, f"http://{machine.node_ip}:{registry.port}/v2/", status=401)
    # It would look for a collector of its traces for ever.
    quiet = {"OTEL_TRACES_EXPORTER": "none"}
    return Component(registry.component, argv, ready, files=(config, users), env=quiet)


def registry_config(registry: Registry, folder: Path, users: Path) -> dict[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": f":{registry.port}"},
        "auth": {"rights": {"realm": registry.host, "path": str(users)}},
    }


def rights(registry: Registry, logins: Mapping[str, str]) -> dict[str, object]:
    """The file of users that the registry reads; see local/modules/registry/rights.go."""
    return {
        user: {
            "sha256": hashlib.sha256(logins[user].encode()).hexdigest(),
            "rules": [{"prefix": prefix, "actions": list(actions)} for prefix, actions in rules],
        }
        for user, rules in registry.users.items()
    }
