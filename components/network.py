"""Who may talk to whom: all traffic of an environment's namespaces is denied, and each opening has a name.

What lies outside the cluster (forge, registries, API server) has no label to select it by, and its addresses change: those
openings are by port. The link-local addresses, where clouds hand out credentials, are left out of them. A cluster enforces
this only with a network plugin that knows NetworkPolicies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import PRUNER, Manifest, labels, token

# The step that asks an application after a rollout.
ROLLOUT_STEP = "deploy"
TASK_LABEL = "tekton.dev/pipelineTask"
LISTENER_LABEL = "eventlistener"
LISTENER_PORT = 8080
PRUNER_LABELS = {"app.kubernetes.io/component": PRUNER}
# The port of the Service `kubernetes`, and the one that the API server itself has on most clusters: a network plugin may
# look at a packet before or after the first has become the second.
API_SERVER_PORTS = (443, 6443)
INTERCEPTORS_NAMESPACE = "tekton-pipelines"
INTERCEPTORS = {"app.kubernetes.io/part-of": "tekton-triggers", "app.kubernetes.io/component": "interceptors"}
INTERCEPTORS_PORT = 8443

# A pod reaches what it holds a credential for: the volumes of a Task, and what each one opens.
OPENED_BY = {
    "kubernetes-api": ("api-server",),
    "forge-token": ("forge-api",),
    "forge-reader": ("forge-api",),
    "forge-app": ("forge-api",),
    "registry-pull": ("registry",),
    "registry-push": ("registry", "quarantine"),
    "source-pull": ("source",),
    "quarantine-push": ("quarantine",),
    "mark-signing": (),
    "ca-bundle": (),
    # What they open lies outside, where pull-request code gets by the proxy.
    "build-secrets": (),
    # The copy that tests work on: pull-request code, and the build after it, may leave by the proxy.
    "test": ("proxy",),
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What an environment's pods reach, and who reaches them."""

    environment: str
    workload_namespace: pulumi.Input[str]
    delivery_namespace: pulumi.Input[str]
    tasks: Mapping[str, Manifest]
    """Specs of the Tasks, by the name that their pods carry."""
    forge_git: str
    """URL where git fetches."""
    forge_api: str
    """URL of the forge's REST API."""
    registry: str
    """URL of the registry."""
    quarantine: str | None
    """URL of the quarantine registry; None where no pull-request code runs."""
    proxy: str | None = None
    """URL of the proxy by which tests and builds leave the cluster."""
    source: str | None
    """URL of the registry that images are promoted from; None where it is `registry`."""
    asked: Mapping[str, int]
    """Applications with a smoke check, and the port that their pods serve on."""
    listener: str | None
    """Name of the EventListener; None where it lives in another environment's delivery namespace."""
    ports: Mapping[str, int]
    """Application to the port that its pods serve on."""


class Network(pulumi.ComponentResource):
    """NetworkPolicies of an environment's two namespaces."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Network"), name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def declare(role: str, namespace: pulumi.Input[str], policies: Mapping[str, Manifest]) -> None:
            """Declare the policies of one namespace."""
            for policy, spec in policies.items():
                k8s.networking.v1.NetworkPolicy(
                    f"{name}-{role}-{policy}",
                    metadata={"name": policy, "namespace": namespace, "labels": labels(environment=args.environment)},
                    spec=spec,
                    opts=child,
                )

        declare("workload", args.workload_namespace, closed() | applications(args.ports))
        heard = listener(args.listener) if args.listener else {}
        declare("delivery", args.delivery_namespace, closed() | tasks(args) | pruner() | heard)
        self.register_outputs({})


def closed() -> dict[str, Manifest]:
    """Return what holds for every pod of a namespace: nothing passes but questions to the cluster's DNS."""
    kube_system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "default-deny": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        "all-to-dns": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [kube_system], "ports": dns}]},
    }


def applications(ports: Mapping[str, int]) -> dict[str, Manifest]:
    """Return the openings of applications: each is reached on its port, from anywhere."""
    return {
        f"anyone-to-{application}": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": application}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": tcp(port)}],
        }
        for application, port in ports.items()
    }


def tasks(args: NetworkArgs) -> dict[str, Manifest]:
    """Return the openings of runs, by what they lead to."""
    leads_to = {
        "api-server": {"ports": tcp(*API_SERVER_PORTS)},
        "forge-git": outside(port(args.forge_git)),
        "forge-api": outside(port(args.forge_api)),
        "registry": outside(port(args.registry)),
    }
    elsewhere = {"quarantine": args.quarantine, "source": args.source, "proxy": args.proxy}
    leads_to |= {target: outside(port(url)) for target, url in elsewhere.items() if url}
    made = {}
    for target, opening in leads_to.items():
        who = sorted(name for name, spec in args.tasks.items() if target in opened(spec))
        if who:
            selector = {"matchExpressions": [{"key": TASK_LABEL, "operator": "In", "values": who}]}
            made[f"runs-to-{target}"] = {"podSelector": selector, "policyTypes": ["Egress"], "egress": [opening]}
    who = sorted(name for name, spec in args.tasks.items() if any(step["name"] == ROLLOUT_STEP for step in spec["steps"]))
    for application, number in args.asked.items():
        made[f"rollouts-to-{application}"] = {
            "podSelector": {"matchExpressions": [{"key": TASK_LABEL, "operator": "In", "values": who}]},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [
                        {
                            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": args.workload_namespace}},
                            "podSelector": {"matchLabels": {"app.kubernetes.io/name": application}},
                        }
                    ],
                    "ports": tcp(number),
                }
            ],
        }
    return made


def opened(task: Manifest) -> set[str]:
    """Return what the pods of a Task reach."""
    held = [item["name"] for item in task.get("volumes", [])]
    fetches = any(param["name"] == "repository-url" for param in task.get("params", []))
    return {target for name in held for target in OPENED_BY.get(name, ())} | ({"forge-git"} if fetches else set())


def pruner() -> dict[str, Manifest]:
    """Return the opening of the job that deletes ended runs."""
    return {
        "pruner-to-api-server": {
            "podSelector": {"matchLabels": PRUNER_LABELS},
            "policyTypes": ["Egress"],
            "egress": [{"ports": tcp(*API_SERVER_PORTS)}],
        }
    }


def listener(name: str) -> dict[str, Manifest]:
    """Return the openings of the EventListener. The forge, or the ingress before it, is known by no label here."""
    selector = {"matchLabels": {LISTENER_LABEL: name}}
    interceptors = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": INTERCEPTORS_NAMESPACE}},
        "podSelector": {"matchLabels": INTERCEPTORS},
    }
    return {
        "anyone-to-listener": {
            "podSelector": selector,
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": tcp(LISTENER_PORT)}],
        },
        "listener-to-interceptors": {
            "podSelector": selector,
            "policyTypes": ["Egress"],
            "egress": [{"to": [interceptors], "ports": tcp(INTERCEPTORS_PORT)}],
        },
        "listener-to-api-server": {
            "podSelector": selector,
            "policyTypes": ["Egress"],
            "egress": [{"ports": tcp(*API_SERVER_PORTS)}],
        },
    }


def outside(number: int) -> Manifest:
    """Return the opening to a port of any address but the link-local ones."""
    blocks = [
        {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]},
        {"cidr": "::/0", "except": ["fe80::/10", "fd00:ec2::254/128"]},
    ]
    return {"to": [{"ipBlock": block} for block in blocks], "ports": tcp(number)}


def tcp(*numbers: int) -> list[Manifest]:
    """Return TCP ports."""
    return [{"protocol": "TCP", "port": number} for number in numbers]


def port(url: str) -> int:
    """Return the port of a URL, or the usual one of its scheme."""
    parts = urlsplit(url)
    return parts.port or {"ssh": 22, "http": 80, "https": 443}[parts.scheme]
