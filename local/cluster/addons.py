"""What runs in the cluster from the start: name service, default storage, the administrators' rights."""

import hashlib
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from string import Template

from local.cluster.health import listens
from local.cluster.names import (
    COREDNS,
    DNS_DOMAIN,
    HOST_NAMES,
    LOCAL_PATH,
    SHELL,
    Machine,
)
from local.cluster.network import Namespace
from local.cluster.processes import clean_environment
from local.cluster.wire import Neighbour
from local.errors import UserError

APPLIED_WITHIN = 30.0
_MANIFESTS = Path(__file__).parent / "manifests"


def render(machine: Machine, images: Mapping[str, str], neighbour: Neighbour | None = None) -> str:
    """All manifests with this cluster's values; `images` is name → reference."""
    values = {
        "hosts": hosts(machine.node_ip, neighbour),
        "dns_address": machine.shape.dns_address,
        "dns_namespace": machine.shape.dns_namespace,
        "dns_port": machine.shape.dns_port,
        "dns_domain": DNS_DOMAIN,
        "volumes": machine.layout.pods / "volumes",
        "coredns": images[COREDNS],
        "local_path_provisioner": images[LOCAL_PATH],
        "base": images[SHELL],
    }
    return "---\n".join(Template(path.read_text()).substitute(values) for path in sorted(_MANIFESTS.glob("*.yaml")))


def hosts(node_ip: str, neighbour: Neighbour | None) -> str:
    """The name service's lines: addresses, and the names that pods find there."""
    elsewhere = neighbour.hosts if neighbour else ()
    here = [name for name in HOST_NAMES if name not in elsewhere]
    lines = [(node_ip, here), *([(neighbour.address, elsewhere)] if neighbour else [])]
    return "\n            ".join(" ".join([address, *names]) for address, names in lines)


def applied(machine: Machine, manifests: str) -> bool:
    """Whether these very manifests were applied to this cluster."""
    mark = _mark(machine)
    return mark.exists() and mark.read_text() == _digest(manifests)


def apply(machine: Machine, manifests: str) -> None:
    # The administrators' own kubeconfig has no rights before the first of the manifests is there.
    kubeconfig = machine.layout.kubeconfigs / "super-admin.conf"
    arguments = ("apply", "--server-side", "--force-conflicts", "--field-manager=cluster", "--filename=-")
    deadline = time.monotonic() + APPLIED_WITHIN
    # A new API server takes requests a moment before its own namespaces and roles are there.
    while (result := _kubectl(machine, *arguments, kubeconfig=kubeconfig, stdin=manifests)).returncode != 0:
        if time.monotonic() > deadline:
            raise UserError(f"The cluster's add-ons could not be applied: {result.stderr.strip()}")
        time.sleep(0.5)
    _mark(machine).write_text(_digest(manifests))


def pending(machine: Machine, namespace: Namespace) -> list[str]:
    """What is not there or not ready yet: the node, the add-ons' Deployments, the name service itself."""
    result = _kubectl(machine, "get", "nodes,deployments", "--all-namespaces", "--output=json")
    if result.returncode != 0:
        return [f"the API server ({result.stderr.strip()})"]
    conditions = {
        (item["kind"], item["metadata"]["name"]): {
            condition["type"] for condition in item["status"].get("conditions", []) if condition["status"] == "True"
        }
        for item in json.loads(result.stdout)["items"]
    }
    wanted = {("Node", machine.node): "Ready", ("Deployment", COREDNS): "Available"}
    wanted[("Deployment", LOCAL_PATH)] = "Available"
    missing = [
        f"{kind} {name}"
        for (kind, name), condition in wanted.items()
        if condition not in conditions.get((kind, name), set())
    ]
    # The conditions may be those from before a reboot.
    if not listens(namespace, machine.shape.dns_address, 53):
        missing.append(f"the name service at {machine.shape.dns_address}")
    return missing


def describe_pods(machine: Machine) -> str:
    """What the pods of the cluster's own namespaces say about themselves, for an error message."""
    return _kubectl(machine, "get", "events", "--all-namespaces", "--field-selector=type=Warning").stdout.strip()


def _kubectl(
    machine: Machine, *arguments: str, kubeconfig: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    config = kubeconfig or machine.layout.kubeconfig
    command = [machine.binary("kubernetes", "kubectl"), f"--kubeconfig={config}", *arguments]
    return subprocess.run(command, env=clean_environment(machine.layout.state), input=stdin, capture_output=True, text=True)


def _mark(machine: Machine) -> Path:
    return machine.layout.state / "addons.sha256"


def _digest(manifests: str) -> str:
    return hashlib.sha256(manifests.encode()).hexdigest()
