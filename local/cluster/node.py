"""What makes the machine a node: containerd, the network between pods, the kubelet and kube-proxy."""

import json
import shutil
import subprocess

import yaml

from local.cluster import cgroups
from local.cluster.files import write
from local.cluster.health import answers
from local.cluster.names import DNS_DOMAIN, POD_FOLDERS, QUARANTINE, REGISTRY, Machine
from local.cluster.network import Namespace
from local.cluster.processes import Component, clean_environment
from local.errors import UserError
from local.paths import ROOT

SECCOMP_PROFILES = ROOT / "images" / "seccomp"
STATISTICS_SECONDS = 600


def containerd(machine: Machine, sandbox: str) -> Component:
    """The container runtime; `sandbox` is the image every pod begins with."""
    folder = machine.layout.state / "containerd"
    config = write(folder / "config.toml", containerd_config(machine, sandbox))
    write(folder / "cni" / "10-pods.conflist", json.dumps(cni_config(machine), indent=2))
    for host, port in (("_default", 5000), (REGISTRY, 5000), (QUARANTINE, 5001)):
        write(folder / "certs.d" / host / "hosts.toml", registry_hosts(machine.node_ip, port))
    tools = ":".join(str(machine.tools[name]) for name in ("containerd", "runc"))
    path = f"{tools}:{clean_environment(machine.layout.state)['PATH']}"
    argv = (machine.binary("containerd", "containerd"), f"--config={config}")
    return Component("containerd", argv, lambda: bool(ctr(machine, "version")), files=(config,), env={"PATH": path})


def containerd_config(machine: Machine, sandbox: str) -> str:
    layout = machine.layout
    folder = layout.state / "containerd"
    return f"""version = 3
root = "{layout.pods}/containerd"
state = "{layout.runtime}/containerd"
# What these do is not needed here, and some of them write outside of the cluster's own folders.
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.native",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "{layout.containerd_socket}"

[plugins."io.containerd.shim.v1.manager"]
socket_dir = "{layout.runtime}/s"

[plugins."io.containerd.cri.v1.images"]
# How much each snapshot holds, every ten seconds, is what no collector of images asks here.
stats_collect_period = {STATISTICS_SECONDS}

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{sandbox}"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "{folder}/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
# Lowering a process's OOM score takes CAP_SYS_RESOURCE, which root does not have everywhere.
restrict_oom_score_adj = true
# Elsewhere they would be among the host's named namespaces.
netns_mounts_under_state_dir = true
cdi_spec_dirs = []
# Every second it would ask the shim of every container and every pod; the kubelet reads control groups itself.
stats_collect_period = "{STATISTICS_SECONDS}s"

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{machine.tools["cni"]}"]
conf_dir = "{folder}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{machine.binary("runc", "runc")}"
Root = "{layout.runtime}/runc"
SystemdCgroup = false
"""


def registry_hosts(node_ip: str, port: int) -> str:
    """Where containerd finds a registry's images. For all others (`_default`) here too: no pull goes outside."""
    url = f"http://{node_ip}:{port}"
    return f'server = "{url}"\n\n[host."{url}"]\ncapabilities = ["pull", "resolve"]\n'


def cni_config(machine: Machine) -> dict[str, object]:
    """A wire from each pod to the node, so that whatever a pod sends is routed, and judged, there.

    No masquerading: pods have no business outside of the namespace.
    """
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": machine.shape.pod_network}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(machine.layout.runtime / "cni"),
    }
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipam": ipam}, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def kubelet(machine: Machine, namespace: Namespace) -> Component:
    layout = machine.layout
    folder = layout.state / "kubelet"
    config = write(folder / "config.yaml", yaml.safe_dump(kubelet_config(machine), sort_keys=False))
    # Pods get the cluster's names, never the host's name servers and search domains.
    write(folder / "resolv.conf", f"nameserver {machine.shape.dns_address}\n")
    argv = (
        machine.binary("kubernetes", "kubelet"),
        f"--config={config}",
        f"--root-dir={layout.pods}/kubelet",
        f"--cert-dir={folder}/pki",
        f"--kubeconfig={layout.kubeconfigs}/kubelet.conf",
        f"--hostname-override={machine.node}",
        f"--node-ip={machine.node_ip}",
    )
    return Component("kubelet", argv, answers(namespace, "http://127.0.0.1:10248/healthz"), files=(config,))


def kubelet_config(machine: Machine) -> dict[str, object]:
    layout = machine.layout
    folder = layout.state / "kubelet"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.id}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [machine.shape.dns_address],
        "clusterDomain": DNS_DOMAIN,
        "resolvConf": str(folder / "resolv.conf"),
        "maxPods": 250,
        "serializeImagePulls": False,
        # The platform's images are imported once, not pulled: collecting them would lose them.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        # Their defaults lie outside of the cluster's own folder.
        "podLogsDir": str(layout.pods / "logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
    }


def kube_proxy(machine: Machine, namespace: Namespace) -> Component:
    layout = machine.layout
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.kubeconfigs / "kube-proxy.conf")},
        "mode": "iptables",
        "clusterCIDR": machine.shape.pod_network,
        "hostnameOverride": machine.node,
        "nodePortAddresses": [f"{machine.node_ip}/32"],
        "iptables": {"localhostNodePorts": False},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # The limit is the host's, and a namespace may not write it.
        "conntrack": {"maxPerCore": 0},
    }
    config = write(layout.state / "kube-proxy" / "config.yaml", yaml.safe_dump(settings, sort_keys=False))
    argv = (machine.binary("kubernetes", "kube-proxy"), f"--config={config}")
    return Component("kube-proxy", argv, answers(namespace, "http://127.0.0.1:10256/healthz"), files=(config,))


def ctr(machine: Machine, *arguments: str) -> str:
    """Run containerd's own client on Kubernetes' images and return what it prints."""
    command = [machine.binary("containerd", "ctr"), f"--address={machine.layout.containerd_socket}"]
    result = subprocess.run(
        [*command, "--namespace=k8s.io", *arguments],
        env=clean_environment(machine.layout.state),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        raise UserError(f"`ctr {' '.join(arguments)}` failed: {result.stderr.strip()}")
    return result.stdout


def prepare(machine: Machine) -> None:
    """What has to be there before the node's programs start."""
    machine.layout.runtime.mkdir(mode=0o755, exist_ok=True)
    for folder in (POD_FOLDERS, machine.layout.pods):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if machine.shape.seccomp_profiles and SECCOMP_PROFILES.is_dir():
        shutil.copytree(SECCOMP_PROFILES, machine.layout.pods / "kubelet/seccomp/tekton-delivery", dirs_exist_ok=True)
    cgroups.create(machine.layout.id)
