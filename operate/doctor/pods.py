"""Whether nodes run a pod of the very shape of pod 1, in which pull-request code runs: the stack's own Task says it."""

from collections.abc import Iterator
from typing import Any

from components.conventions import Manifest
from components.pipelines.untrusted import POD
from offline.needs.values import Needs
from operate.doctor.api import RefusedError
from operate.doctor.namespace import Throwaway, untrusted
from operate.doctor.rows import Row, fine, unknown, wrong

# More nodes than these are not tried one by one.
_NODES = 10
_HOSTNAME = "kubernetes.io/hostname"
# What the image step does first, up to where a RUN of a Dockerfile would begin: `components/tasks/scripts/image.sh`.
_IMAGE = """set -u
read -r inside outside count </proc/self/uid_map
echo "uid $outside"
mkdir /storage/proc || exit 1
in-user-namespace true && echo nested
[ "$PROCESS_SANDBOX" != true ] || in-user-namespace unshare -p -f mount -t proc proc /storage/proc && echo processes
"""
_PROFILE = "copy images/seccomp/image-build.json to {0} in the kubelet's folder seccomp/ of the node"


def rows(needs: Needs, namespace: Throwaway) -> Iterator[Row]:
    """Yield what each node makes of the pod, or nothing where nothing is built."""
    tasks = [each for each in needs.of_kind("Task") if untrusted(each)]
    if not tasks:
        return
    nodes = _nodes(namespace)
    started, what = {}, f"the cluster admits pod 1 (Pod Security {namespace.level})"
    for number, node in enumerate(nodes):
        name = f"pod-1-{number}"
        try:
            namespace.start(name, spec(tasks[0], node))
        except RefusedError as error:
            # That a webhook for pods does not answer is among what passes.
            yield unknown(what, str(error)) if error.is_passing else wrong(what, str(error), _admitted(str(error)))
            return
        started[name] = node
    yield fine(what)
    for name, node in started.items():
        yield from _ran(needs, namespace, name, node, tasks[0])


def spec(task: Manifest, node: str | None) -> Manifest:
    """Return the pod: the steps' security contexts, limits and volumes, without what they hold and what they run."""
    kept = {each["name"] for each in task["spec"]["volumes"] if "emptyDir" in each or "ephemeral" in each}
    return {
        **POD,
        **({"nodeSelector": {_HOSTNAME: node}} if node else {}),
        "containers": [
            {
                "name": step["name"],
                "image": step.get("image") or task["spec"]["stepTemplate"]["image"],
                "command": ["sh", "-c", _IMAGE if step["name"] == "image" else "true"],
                "env": [each for each in step["env"] if each["name"] in ("HOME", "PROCESS_SANDBOX")],
                "resources": step["computeResources"],
                "securityContext": step["securityContext"],
                "volumeMounts": [each for each in step.get("volumeMounts", []) if each["name"] in kept],
            }
            for step in task["spec"]["steps"]
            # Tests may run in an image of the repository's own, which has what it has.
            if step["name"] in ("fetch", "image")
        ],
        "volumes": [each for each in task["spec"]["volumes"] if each["name"] in kept],
    }


def _nodes(namespace: Throwaway) -> list[str | None]:
    """Return the nodes that take pods, to try each; the scheduler's choice where that is not known."""
    try:
        items = namespace.api.get("/api/v1/nodes")["items"]
    except RefusedError:
        return [None]
    free = [
        item["metadata"]["labels"].get(_HOSTNAME)
        for item in items
        if not item["spec"].get("unschedulable")
        and not any(taint["effect"] != "PreferNoSchedule" for taint in item["spec"].get("taints") or [])
    ]
    return free if 0 < len(free) <= _NODES else [None]


def _admitted(said: str) -> str:
    """Return what mends that a pod is refused."""
    if "seccomp" in said.lower():
        return "`build.seccompProfile`: without one the image step asks for Unconfined, which baseline refuses"
    return "a cluster with user namespaces for pods (docs/real-clusters.md), or what refuses it"


def _ran(needs: Needs, namespace: Throwaway, name: str, node: str | None, task: Manifest) -> Iterator[Row]:
    """Yield what one node made of it."""
    pod, kept = namespace.ended(name)
    where = node or pod["spec"].get("nodeName") or "no node"
    (image,) = [each for each in task["spec"]["steps"] if each["name"] == "image"]
    profile = image["securityContext"]["seccompProfile"].get("localhostProfile")
    what = f"pod 1 starts on {where}"
    if kept:
        yield wrong(what, kept, _started(kept, profile))
        return
    printed = namespace.printed(name, "image")
    failed = [said for said in map(_failure, pod["status"].get("containerStatuses", [])) if said]
    if not printed:
        said = "; ".join(failed) or "it printed nothing"
        yield wrong(what, said, _started(said, profile)) if failed else unknown(what, said)
        return
    yield fine(what, f"with the seccomp profile {profile}" if profile else "")
    uid = next((line.removeprefix("uid ") for line in printed if line.startswith("uid ")), "")
    what = f"pods have a user namespace of their own on {where} (hostUsers: false)"
    if uid in ("", "0"):
        yield wrong(
            what, "uid 0 of the pod is uid 0 of the node", "Kubernetes 1.33, containerd 2 or cri-o, runc 1.2 or crun"
        )
    else:
        yield fine(what, f"its uid 0 is {uid} there")
    errors = "; ".join(line for line in printed if line not in ("nested", "processes") and not line.startswith("uid "))
    what = f"a build gets a user namespace of its own on {where}"
    if "nested" in printed:
        yield fine(what)
    else:
        yield wrong(
            what, errors or "refused", "`build.seccompProfile` has to let it unshare: images/seccomp/image-build.json"
        )
    if needs.process_sandbox:
        what = f"a RUN gets processes of its own on {where} (procMount: Unmasked)"
        mend = "Kubernetes 1.35, or `processSandbox: false` in `build`"
        yield fine(what) if "processes" in printed else wrong(what, errors or "refused", mend)


def _failure(status: Manifest) -> str:
    """Return why a container failed; empty if it did not."""
    ended: dict[str, Any] = status["state"].get("terminated") or {}
    if not ended.get("exitCode"):
        return ""
    return f"{status['name']}: {ended.get('reason')} ({ended['exitCode']}) {ended.get('message') or ''}".strip()


def _started(said: str, profile: str | None) -> str:
    """Return what mends that a pod does not start."""
    text = said.lower()
    if "seccomp" in text and profile:
        return _PROFILE.format(profile)
    if "pull" in text:
        return "`registry.read`, or push the images again: .venv/bin/python -m images REGISTRY/PATH"
    if "user namespace" in text or "userns" in text or "idmap" in text:
        return "containerd 2 or cri-o with runc 1.2 or crun, and a kernel with idmapped mounts (6.3)"
    if "provision" in text or "volume" in text or "storageclass" in text:
        return "`build.storage`, and the StorageClass that it names"
    return "kubectl get events on such a pod says more: docs/real-clusters.md has what nodes need"
