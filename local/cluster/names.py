"""The names, addresses and folders of one cluster: everything that is decided before anything is started."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import UserError
from local.paths import CLUSTERS, SECRETS

# Seen inside the cluster's namespace only, so every cluster can have the same.
POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"
DNS_DOMAIN = "cluster.local"

API_PORT = 6443
REGISTRY = "registry.internal:5000"
QUARANTINE = "quarantine.internal:5001"
# What pods find at the node's address, unless another cluster's node has it.
HOST_NAMES = ("registry.internal", "quarantine.internal", "forge.internal")

# The images the cluster itself runs, by the name of the archive that holds them.
PAUSE = "pause"
COREDNS = "coredns"
LOCAL_PATH = "local-path-provisioner"
SHELL = "base"
IMAGES = (PAUSE, COREDNS, LOCAL_PATH, SHELL)

RUNTIME_FOLDERS = Path("/run")
# Pods in a user namespace of their own reach their files as somebody who is not root, and a checkout may lie in a home that
# is closed to others.
POD_FOLDERS = Path("/var/lib/tekton-delivery")

DEFAULT_NAME = "local"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


@dataclass(frozen=True)
class Layout:
    """One cluster's identity and folders."""

    name: str
    clusters: Path = CLUSTERS

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UserError(
                f"A cluster cannot be called {self.name!r}: its name is at most 30 of a-z, 0-9 and inner hyphens, "
                f"for example `{DEFAULT_NAME}`."
            )

    @property
    def id(self) -> str:
        """Name of the namespace, the veth device and the cgroup: different for every checkout and cluster."""
        return "td-" + hashlib.sha256(str(self.state).encode()).hexdigest()[:8]

    @property
    def context(self) -> str:
        """The cluster's name in kubeconfig files."""
        return f"tekton-delivery-{self.name}"

    @property
    def state(self) -> Path:
        """What survives a reboot, less what pods read and write."""
        return self.clusters / self.name

    @property
    def secrets(self) -> Path:
        """Passwords of its registries, which outlive it. Those of one cluster open nothing in another."""
        return SECRETS if self.name == DEFAULT_NAME else SECRETS / "clusters" / self.name

    @property
    def runtime(self) -> Path:
        """What does not survive a reboot. Here too because a socket's path may have 107 characters at most."""
        return RUNTIME_FOLDERS / self.id

    @property
    def pods(self) -> Path:
        """What pods have their files in: images, volumes, logs. It survives a reboot too."""
        return POD_FOLDERS / self.id

    @property
    def pids(self) -> Path:
        return self.state / "pids"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def kubeconfigs(self) -> Path:
        """The components' own; the one for people is `kubeconfig`."""
        return self.state / "kubeconfigs"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        return self.runtime / "containerd.sock"


@dataclass(frozen=True)
class Machine:
    """What a component needs to know of the machine it runs on."""

    layout: Layout
    node_ip: str
    tools: Mapping[str, Path]

    @property
    def node(self) -> str:
        return self.layout.context

    @property
    def api(self) -> str:
        return f"https://{self.node_ip}:{API_PORT}"

    def binary(self, tool: str, name: str) -> str:
        return str(self.tools[tool] / name)
