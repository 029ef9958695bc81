"""Builders for what all Tasks have in common: steps, volumes and the scripts that steps run."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from components import sources
from components.conventions import SCRATCH_SIZE, Manifest, limits, restricted

SCRIPTS = Path(__file__).parent / "scripts"

# How one script takes in another; beside it, when it is run as a file.
_SOURCED = re.compile(r'^# shellcheck source=.*\n\. "\$\{0%/\*\}/(?P<name>[a-z]+\.sh)"$', re.MULTILINE)

# Where clients look for a pod's own credential.
API_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
DOCKER_CONFIG_PATH = "/credentials/registry"
SOURCE_CONFIG_PATH = "/credentials/source"
PUSH_CONFIG_PATH = "/credentials/push"

# Where a step may write: a volume of its own, which no other step mounts. The rest of its root is read-only.
SCRATCH = "/tmp"  # noqa: S108
_SCRATCH_VOLUME = "scratch-"


def script(name: str) -> str:
    """Return a script of `scripts/` as Tekton embeds it, with what it sources. Values reach it by environment only."""
    return _sourced((SCRIPTS / name).read_text())


def preceded(text: str, name: str) -> str:
    """Return a script as Tekton embeds it that first does what another one of `scripts/` does."""
    head, rest = text.split("\nset -eu\n", 1)
    return f"{head}\nset -eu\n\n{_body(name)}\n{rest}"


def _sourced(text: str) -> str:
    return _SOURCED.sub(lambda line: _body(line["name"]), text)


def _body(name: str) -> str:
    return _sourced((SCRIPTS / name).read_text()).split("\nset -eu\n", 1)[1].strip("\n")


def step(
    name: str,
    *,
    env: Mapping[str, str],
    runs: str | None = None,
    mounts: Sequence[Manifest] = (),
    cpu: str = "2",
    memory: str = "256Mi",
    ephemeral_storage: str = SCRATCH_SIZE,
    security_context: Manifest | None = None,
    writable: bool = False,
    workspaces: Sequence[Manifest] = (),
) -> Manifest:
    """Return a step that runs `scripts/<name>.sh`, or the script named, non-root and restricted unless told otherwise."""
    rest = container(
        name,
        env=env,
        mounts=mounts,
        cpu=cpu,
        memory=memory,
        ephemeral_storage=ephemeral_storage,
        security_context=security_context,
        writable=writable,
        workspaces=workspaces,
    )
    return {"name": name, "script": script(f"{runs or name}.sh")} | rest


def container(
    name: str,
    *,
    env: Mapping[str, str],
    mounts: Sequence[Manifest],
    cpu: str,
    memory: str,
    ephemeral_storage: str,
    security_context: Manifest | None = None,
    writable: bool = False,
    workspaces: Sequence[Manifest],
) -> Manifest:
    """Return what every step has, whatever it runs.

    HOME is nowhere: steps of a pod share Tekton's home folder, and a file that untrusted code left there would
    configure the git, ssh or registry client of a later step. Nor does a step write anywhere but to volumes, unless it is
    `writable`, for code that is not ours.
    """
    made: Manifest = {
        "env": [variable(name, value) for name, value in ({"HOME": "/nonexistent"} | dict(env)).items()],
        "computeResources": limits(cpu, memory, ephemeral_storage),
        "securityContext": (security_context or restricted()) | ({} if writable else {"readOnlyRootFilesystem": True}),
    }
    mounted = list(mounts) if writable else [*mounts, mount(f"{_SCRATCH_VOLUME}{name}", SCRATCH)]
    if mounted:
        made["volumeMounts"] = mounted
    if workspaces:
        made["workspaces"] = list(workspaces)
    return made


def variable(name: str, value: str) -> Manifest:
    """Return a variable as Tekton stores it: an empty value is left out."""
    return {"name": name} | ({"value": value} if value else {})


def mount(volume: str, path: str, *, read_only: bool = False) -> Manifest:
    """Return a volume mount."""
    return {"name": volume, "mountPath": path} | ({"readOnly": True} if read_only else {})


def empty_dir(name: str, size: str = SCRATCH_SIZE) -> Manifest:
    """Return a volume that starts empty and ends with the pod, or ends the pod when it holds more than `size`."""
    return {"name": name, "emptyDir": {"sizeLimit": size}}


def with_volumes(task: Manifest) -> Manifest:
    """Return a Task's spec with the volumes that its steps bring: one to write to for each, and what those in Python run."""
    held = [item["name"] for step in task["steps"] for item in step.get("volumeMounts", [])]
    own = [empty_dir(name) for name in held if name.startswith(_SCRATCH_VOLUME)]
    own += [sources.volume()] if sources.VOLUME in held else []
    return task | {"volumes": [*task.get("volumes", []), *own]}


def api_token(name: str) -> Manifest:
    """Return a volume with what a client needs to call the API server as the pod's service account.

    Mounted at API_TOKEN_PATH by the one step that calls it; the token ends with the pod, or after an hour.
    """
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
            ]
        },
    }


def string_params(descriptions: Mapping[str, str]) -> list[Manifest]:
    """Return a Task's or Pipeline's params, all strings."""
    return [{"name": name, "type": "string", "description": text} for name, text in descriptions.items()]


def late_params(descriptions: Mapping[str, str]) -> list[Manifest]:
    """Return params that runs do not give which the last release started: they are empty then."""
    return [param | {"default": ""} for param in string_params(descriptions)]


def string_results(descriptions: Mapping[str, str]) -> list[Manifest]:
    """Return a Task's results, all strings."""
    return [{"name": name, "type": "string", "description": text} for name, text in descriptions.items()]
