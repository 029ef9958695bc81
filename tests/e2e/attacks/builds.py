"""Dockerfiles, hostile ones and others, built as the image step builds: by the declared step itself, in a pod of its own.

A namespace without the environment's policies, so that a step may be tried as another stack would declare it, too.
"""

import base64
import io
import tarfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.kubernetes_api import wait_until
from tests.e2e.attacks.delivery import hostile, unprefixed
from tests.e2e.attacks.repository import Entry, Link
from tests.e2e.world import World

STOLEN = "/credentials/registry/config.json"
BASE = "ARG BASE\nFROM ${BASE}\nUSER 0\n"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMMITTED = 1700000000
SOURCE_URL = "https://forge.example/acme/shop"

BUILDS: dict[str, dict[str, Entry]] = {
    "mounts": {
        "Dockerfile": hostile("mounts.Dockerfile"),
        "message.txt": "unchanged\n",
        "stolen": Link(STOLEN),
        "stolen-folder": Link("/credentials/registry"),
        "up": Link("../../../../../../../../credentials/registry"),
        "credentials/registry/config.json": "decoy\n",
    },
    "processes": {"Dockerfile": hostile("processes.Dockerfile")},
    "syntax": {"Dockerfile": f"# syntax=quarantine.internal:5001/evil:1\n{BASE}RUN echo built by our own reader\n"},
    "insecure": {"Dockerfile": f"{BASE}RUN --security=insecure mount -t tmpfs none /mnt\n"},
    "host-network": {"Dockerfile": f"{BASE}RUN --network=host true\n"},
    "device": {"Dockerfile": f"{BASE}RUN --device=name=vendor.example/device=all,required true\n"},
    # CVE-2024-21626: a folder of the builder's that is still open.
    **{
        f"descriptor-{number}": {"Dockerfile": f"{BASE}WORKDIR /proc/self/fd/{number}\nRUN cat ../../../..{STOLEN}\n"}
        for number in (7, 8, 9)
    },
    "linked-dockerfile": {"Dockerfile": Link(STOLEN)},
    "linked-ignore": {"Dockerfile": f"{BASE}COPY . /all\nRUN ls /all\n", ".dockerignore": Link(STOLEN)},
    "add": {"Dockerfile": f"{BASE}ADD file://{STOLEN} /added\n"},
}

# The step's own script, once for each folder of /source. What it leaves behind ends with it.
DRIVER = """
echo unchanged >/storage/canary
for source in /source/*/; do
    source=${source%/}
    name=${source##*/}
    mkdir "/storage/$name"
    code=0
    SOURCE=$source STORAGE=/storage/$name RESULT_DIGEST_PATH=/storage/$name/digest PARAM_IMAGE=$PARAM_IMAGE-$name \\
        timeout 60 sh -c "$SCRIPT" >"/storage/$name/out" 2>&1 || code=$?
    sed "s/^/$name: /" "/storage/$name/out"
    echo "$name: ENDED $code"
done
echo "canary: $(cat /storage/canary)"
"""


@dataclass(frozen=True)
class Built:
    """How one build ended, and what it printed without BuildKit's prefixes."""

    code: int
    lines: list[str]

    def told(self, word: str) -> list[str]:
        """What the lines that begin with a word say."""
        return [line.removeprefix(word).strip() for line in self.lines if line.startswith(f"{word} ")]


@dataclass(frozen=True)
class Builds:
    """All of them, in one of the two ways."""

    by_name: Mapping[str, Built]
    log: str


def read(log: str, names: Iterable[str]) -> Builds:
    """Take the pod's log apart."""
    found: dict[str, Built] = {}
    for name in names:
        lines = [unprefixed(line.removeprefix(f"{name}: ")) for line in log.splitlines() if line.startswith(f"{name}: ")]
        (code,) = [int(line.split()[1]) for line in lines if line.startswith("ENDED ")]
        found[name] = Built(code, lines)
    return Builds(found, log)


@contextmanager
def built(
    world: World,
    given: Mapping[str, str],
    builds: Mapping[str, Mapping[str, Entry]] = BUILDS,
    sandboxes: Iterable[bool] = (True, False),
) -> Iterator[dict[bool, Builds]]:
    """Build all of them, with a process sandbox and without one; `given` are variables of the step."""
    core, namespace = world.kubernetes.core, f"builds-{uuid.uuid4().hex[:8]}"
    level = {"pod-security.kubernetes.io/enforce": "baseline"}
    core.create_namespace({"metadata": {"name": namespace, "labels": level}})
    try:
        core.create_namespaced_config_map(
            namespace, {"metadata": {"name": "sources"}, "binary_data": {"sources.tgz": _archive(builds)}}
        )
        for name in ("quarantine-push", "registry-pull"):
            secret: Any = core.read_namespaced_secret(name, "staging-ci")
            core.create_namespaced_secret(namespace, {"metadata": {"name": name}, "type": secret.type, "data": secret.data})
        wait_until(lambda: core.list_namespaced_service_account(namespace).items, 20, "no default service account")
        task = world.kubernetes.custom.get_namespaced_custom_object("tekton.dev", "v1", "staging-ci", "tasks", "build")
        (step,) = [step for step in task["spec"]["steps"] if step["name"] == "image"]
        pods = {sandbox: f"sandbox-{str(sandbox).lower()}" for sandbox in sandboxes}
        for sandbox, name in pods.items():
            core.create_namespaced_pod(namespace, _pod(name, step, given, sandbox=sandbox))
        ended = lambda name: core.read_namespaced_pod(name, namespace).status.phase in ("Succeeded", "Failed")  # noqa: E731
        wait_until(lambda: all(map(ended, pods.values())), 240, "the builds do not end")
        yield {sandbox: read(core.read_namespaced_pod_log(name, namespace), builds) for sandbox, name in pods.items()}
    finally:
        core.delete_namespace(namespace)


def _pod(name: str, step: Mapping[str, Any], given: Mapping[str, str], *, sandbox: bool) -> dict[str, Any]:
    """The image step as a pod."""
    params = {
        "PARAM_DOCKERFILE": "Dockerfile",
        "PARAM_CONTEXT": ".",
        "PARAM_BUILD_ARGS": "",
        "PARAM_TARGET": "",
        "PARAM_SOURCE_URL": SOURCE_URL,
        "PARAM_IMAGE": "quarantine.internal:5001/chespirito",
        "PARAM_HEAD_SHA": COMMIT,
        "PROCESS_SANDBOX": str(sandbox).lower(),
        "SCRIPT": step["script"],
    }
    env = {item["name"]: item.get("value", "") for item in step["env"]} | params | given
    context = dict(step["securityContext"])
    if not sandbox:
        del context["procMount"]
    mounts = {mount["name"]: mount for mount in step["volumeMounts"]}
    sources = {"name": "source", "mountPath": "/source"}
    volumes: dict[str, Any] = {
        "source": {"emptyDir": {}},
        "storage": {"emptyDir": {}},
        "scratch-image": {"emptyDir": {}},
        "sources": {"configMap": {"name": "sources"}},
        "quarantine-push": {
            "secret": {"secretName": "quarantine-push", "items": [{"key": ".dockerconfigjson", "path": "config.json"}]}
        },
    }
    return {
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "hostUsers": False,
            "automountServiceAccountToken": False,
            "imagePullSecrets": [{"name": "registry-pull"}],
            "volumes": [{"name": volume} | source for volume, source in volumes.items()],
            "initContainers": [
                {
                    "name": "sources",
                    "image": step["image"],
                    "command": ["tar", "-xzf", "/sources/sources.tgz", "-C", "/source"],
                    "volumeMounts": [sources, {"name": "sources", "mountPath": "/sources"}],
                }
            ],
            "containers": [
                {
                    "name": "step-image",
                    "image": step["image"],
                    "command": ["sh", "-c", DRIVER],
                    "env": [{"name": key, "value": value} for key, value in env.items()],
                    "securityContext": context,
                    "volumeMounts": [
                        sources | {"readOnly": True},
                        *(mounts[volume] for volume in ("storage", "quarantine-push", "scratch-image")),
                    ],
                }
            ],
        },
    }


def _archive(builds: Mapping[str, Mapping[str, Entry]]) -> str:
    """The sources as a tar, links included, in base64; beside them what the fetch leaves."""
    entries = {f"{name}/{path}": entry for name, files in builds.items() for path, entry in files.items()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, entry in (entries | {"committed": f"{COMMITTED}\n"}).items():
            info = tarfile.TarInfo(path)
            if isinstance(entry, Link):
                info.type, info.linkname = tarfile.SYMTYPE, entry.target
                tar.addfile(info)
            else:
                info.size, info.mode = len(str(entry).encode()), 0o644
                tar.addfile(info, io.BytesIO(str(entry).encode()))
    return base64.b64encode(packed.getvalue()).decode()
