"""What a stack declares: its program, run as `pulumi up` runs it, with the values that only its state has."""

import json
from dataclasses import dataclass
from typing import Any

from components.conventions import Manifest
from components.settings.errors import SettingsError
from offline.render import PROVIDER, objects, program
from offline.run import RANDOM_PASSWORD, ROOT, Recording, revealed, run
from operate import pulumi as cli
from operate.errors import OperateError

# Of what Pulumi says of an error, in characters.
_MOST = 400


@dataclass(frozen=True)
class Declared:
    """One object of a stack."""

    manifest: Manifest
    ignored: tuple[str, ...]
    """Paths that are left to others, e.g. `spec.template.spec.containers[0].image`."""

    def __str__(self) -> str:
        namespace = self.manifest["metadata"].get("namespace")
        return f"{self.manifest['kind']} {namespace + '/' if namespace else ''}{self.manifest['metadata']['name']}"


@dataclass(frozen=True)
class Declaration:
    """Everything that a stack declares, and on which cluster."""

    objects: tuple[Declared, ...]
    kubeconfig: str | None
    context: str | None


def read(stack: str) -> Declaration:
    """Return what a stack declares. Raises OperateError if Pulumi or the program refuses."""
    config = json.loads(pulumi("config", "--stack", stack, "--show-secrets", "--json"))
    state = json.loads(pulumi("stack", "export", "--stack", stack, "--show-secrets"))["deployment"]
    try:
        recording = run(
            program(),
            stack=stack,
            config={name: entry["value"] for name, entry in config.items()},
            secrets=tuple(name for name, entry in config.items() if entry.get("secret")),
            passwords=_passwords(state.get("resources") or []),
        )
    except SettingsError as error:
        raise OperateError(str(error)) from None
    return _declaration(recording)


def _declaration(recording: Recording) -> Declaration:
    (cluster,) = (revealed(each) for each in recording.of_type(f"{PROVIDER}kubernetes"))
    declared = (Declared(revealed(resource) | header, resource.ignore_changes) for resource, header in objects(recording))
    return Declaration(tuple(declared), cluster.get("kubeconfig"), cluster.get("context"))


def passwords(stack: str) -> dict[str, str]:
    """Return the passwords that a stack's state holds, by the resource's name. Raises OperateError."""
    told = pulumi("stack", "export", "--stack", stack, "--show-secrets")
    try:
        return _passwords(json.loads(told)["deployment"].get("resources") or [])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise OperateError("`pulumi stack export` tells no state of the form that is known") from None


def _passwords(resources: list[dict[str, Any]]) -> dict[str, str]:
    """Return the passwords that the state holds, by the resource's name."""
    found = {}
    for resource in resources:
        if resource["type"] == RANDOM_PASSWORD:
            # `--show-secrets` leaves each secret in its envelope, as JSON.
            found[resource["urn"].rpartition("::")[2]] = json.loads(resource["outputs"]["result"]["plaintext"])
    return found


def pulumi(*arguments: str) -> str:
    """Return what Pulumi's CLI prints. Raises OperateError."""
    command = f"`pulumi {' '.join(arguments)}`"
    try:
        answer = cli.run(arguments, ROOT)
    except FileNotFoundError:
        raise OperateError('pulumi is not on PATH; the embedded cluster\'s: eval "$(make env)"') from None
    if answer.returncode != 0:
        raise OperateError(f"{command}: {_said(answer.stderr) or f'exit code {answer.returncode}'}")
    return answer.stdout


def _said(errors: str) -> str:
    """Return an error of Pulumi's in one line."""
    words = " ".join(errors.split()).removeprefix("error: ")
    return words if len(words) <= _MOST else f"{words[:_MOST]}\u2026"
