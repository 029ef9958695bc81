"""The second embedded cluster, and how production is made to live on it."""

import uuid
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from local import pulumi_stacks, second_cluster
from local.cluster import Cluster
from local.cluster.names import PLAIN
from local.cluster.network import POOL
from local.demo import DEPLOYMENT
from local.forge import secret_files
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Kubernetes
from local.machine import LISTENER
from local.paths import ROOT
from tests.e2e.world import World

# What differs from most clusters, besides where it is.
CLUSTER = {
    "kubeconfig": f".local/cluster/{second_cluster.NAME}/kubeconfig",
    "apiServerAddresses": [str(IPv4Network(PLAIN.service_network)[1]), str(POOL)],
    "apiServerPorts": [443, PLAIN.api_port],
    "dns": {"namespace": PLAIN.dns_namespace, "port": PLAIN.dns_port},
}
LISTENER_SERVICE = "from-the-forge"


@dataclass
class Second:
    """The second cluster."""

    cluster: Cluster
    tekton: str
    """What installing Tekton took."""

    @property
    def api(self) -> Kubernetes:
        return Kubernetes(self.cluster.kubeconfig)

    def password(self, user: str) -> str:
        return self.cluster.registry_credentials("registry.internal:5000")[user]


@dataclass
class Production:
    """Production there."""

    second: Second
    file: Path
    secrets: dict[str, str]
    """What only it may know, by what it is."""
    world: World

    def pulumi(self, *arguments: str, file: Path | None = None) -> str:
        """The CLI on its stack."""
        variables = pulumi_stacks.process_environment(self.second.cluster, self.world.machine.folders)
        given = (
            *arguments,
            "--stack",
            second_cluster.NAME,
            "--config-file",
            str(file or self.file),
            "--yes",
            "--skip-preview",
        )
        try:
            return pulumi_stacks.command(second_cluster.NAME, variables, *given)
        finally:
            (ROOT / f"Pulumi.{second_cluster.NAME}.yaml").unlink(missing_ok=True)

    @property
    def image(self) -> str:
        (container,) = self.second.api.deployment("production", DEPLOYMENT).spec.template.spec.containers
        return str(container.image)


def elsewhere(settings: dict[str, Any], world: World, folder: Path) -> None:
    """Make of the shipped production one of the second cluster, with credentials that no other stack has."""
    admin = world.machine.forge.admin
    name = f"apart-{uuid.uuid4().hex[:8]}"
    secret_files.write(
        folder / "forge-token", admin.new_token("reporter-production", name, ["write:repository", "write:issue"])
    )
    admin.ensure_deploy_key(REPOSITORY, "apart", secret_files.ensure_key_pair(folder / "id_ed25519", "apart"))
    logins = Cluster(second_cluster.NAME).layout.secrets / "registry"
    settings["forge"]["token"] = {"file": str(folder / "forge-token")}
    settings["forge"]["ssh"]["privateKey"] = {"file": str(folder / "id_ed25519")}
    settings["cluster"] = CLUSTER
    settings["sourceRegistry"] = settings["registry"] | {"host": second_cluster.STAGING_REGISTRY}
    settings["registry"] = {
        "host": "registry.internal:5000",
        "insecure": True,
        "read": {"username": "puller", "password": {"file": str(logins / "puller")}},
        "write": {"username": "deployer", "password": {"file": str(logins / "deployer")}},
    }


def listener_service(name: str = LISTENER, number: int = second_cluster.LISTENER_PORT) -> dict[str, Any]:
    """What an ingress is elsewhere: the forge's way to a listener."""
    port = {"port": 8080, "targetPort": 8080, "nodePort": number}
    selector = {"eventlistener": name.removeprefix("el-")}
    return {"metadata": {"name": LISTENER_SERVICE}, "spec": {"type": "NodePort", "selector": selector, "ports": [port]}}
