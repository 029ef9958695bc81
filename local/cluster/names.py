"""The names, addresses and folders of one cluster: everything that is decided before anything is started."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import UserError
from local.paths import CLUSTERS, SECRETS

DNS_DOMAIN = "cluster.local"

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
class Shape:
    """What each cluster has in its own way. Seen inside its network namespace only, so two clusters may have the same."""

    name: str
    pod_network: str = "10.244.0.0/16"
    service_network: str = "10.96.0.0/16"
    dns_address: str = "10.96.0.10"
    dns_namespace: str = "kube-system"
    dns_port: int = 53
    """Where its pods listen; the Service has port 53 in each case."""
    api_port: int = 6443
    seccomp_profiles: bool = True
    """Whether the node has the profile for image builds from the start."""


EMBEDDED = Shape("embedded")
# As somebody else's: nothing of this project on the node, and otherwise all that a cluster may have otherwise. DNS is as on
# OpenShift, the API server's port is minikube's, the range of Services as on EKS.
PLAIN = Shape(
    "plain",
    pod_network="10.61.0.0/16",
    service_network="172.20.0.0/16",
    dns_address="172.20.0.53",
    dns_namespace="openshift-dns",
    dns_port=5353,
    api_port=8443,
    seccomp_profiles=False,
)
SHAPES = {shape.name: shape for shape in (EMBEDDED, PLAIN)}


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
    shape: Shape = EMBEDDED

    @property
    def node(self) -> str:
        return self.layout.context

    @property
    def api(self) -> str:
        return f"https://{self.node_ip}:{self.shape.api_port}"

    def binary(self, tool: str, name: str) -> str:
        return str(self.tools[tool] / name)
