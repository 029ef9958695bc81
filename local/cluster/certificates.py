"""Keys, certificates and kubeconfig files, all made by kubeadm."""

import subprocess
from pathlib import Path

import yaml

from local.cluster.files import write
from local.cluster.names import DNS_DOMAIN, Machine
from local.cluster.processes import clean_environment
from local.errors import UserError
from local.tools import TOOLS

KUBEADM_API = "kubeadm.k8s.io/v1beta4"


def kubeadm_config(machine: Machine) -> str:
    """What kubeadm has to know; it makes certificates only, so most of its settings do not matter."""
    layout, shape = machine.layout, machine.shape
    documents = [
        {
            "apiVersion": KUBEADM_API,
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": machine.node_ip, "bindPort": shape.api_port},
            "nodeRegistration": {"name": machine.node, "criSocket": f"unix://{layout.containerd_socket}"},
        },
        {
            "apiVersion": KUBEADM_API,
            "kind": "ClusterConfiguration",
            "kubernetesVersion": TOOLS["kubernetes"].versions["k8s.io/kubernetes"],
            "clusterName": layout.context,
            "certificatesDir": str(layout.pki),
            "encryptionAlgorithm": "ECDSA-P256",
            "controlPlaneEndpoint": f"{machine.node_ip}:{shape.api_port}",
            "networking": {
                "serviceSubnet": shape.service_network,
                "podSubnet": shape.pod_network,
                "dnsDomain": DNS_DOMAIN,
            },
        },
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def make(machine: Machine) -> None:
    """Make whatever is not there yet; the kubeconfig for people comes last."""
    layout = machine.layout
    layout.kubeconfigs.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = write(layout.state / "kubeadm.yaml", kubeadm_config(machine))
    _kubeadm(machine, "init", "phase", "certs", "all", f"--config={config}")
    folder = f"--kubeconfig-dir={layout.kubeconfigs}"
    _kubeadm(machine, "init", "phase", "kubeconfig", "all", f"--config={config}", folder)
    user(machine, "kube-proxy", "system:kube-proxy")
    people = (layout.kubeconfigs / "admin.conf").read_text()
    write(layout.kubeconfig, rename_context(people, layout.context), mode=0o600)


def user(machine: Machine, name: str, client: str) -> Path:
    """Make the kubeconfig of one more client of the API server, unless it is there; where it is."""
    path = machine.layout.kubeconfigs / f"{name}.conf"
    if not path.exists():
        config = f"--config={machine.layout.state / 'kubeadm.yaml'}"
        write(path, _kubeadm(machine, "kubeconfig", "user", config, f"--client-name={client}"), mode=0o600)
    return path


def rename_context(kubeconfig: str, name: str) -> str:
    """The same kubeconfig with its one context called `name`, so that it can be merged with others."""
    config = yaml.safe_load(kubeconfig)
    config["contexts"][0]["name"] = name
    config["current-context"] = name
    config["contexts"][0]["context"]["user"] = name
    config["users"][0]["name"] = name
    return yaml.safe_dump(config, sort_keys=False)


def _kubeadm(machine: Machine, *arguments: str) -> str:
    result = subprocess.run(
        [machine.binary("kubernetes", "kubeadm"), *arguments],
        env=clean_environment(machine.layout.state),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        raise UserError(f"`kubeadm {' '.join(arguments)}` failed: {result.stderr.strip()}")
    return result.stdout
