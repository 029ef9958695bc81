"""Who may talk to whom: all traffic of an environment's namespaces is denied, and each opening has a name.

What lies outside the cluster (forge, registries, API server) has no label to select it by: those openings are by port, and
lead to the addresses that the settings name. Where they name none, to every public address and to no private one, or the
other way round for names that only a company or a cluster has. A cluster enforces this only with a network plugin that knows
NetworkPolicies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components import addresses
from components.conventions import MINTER, PRUNER, TELLER, Manifest, labels, token
from components.credential import BY_VOLUME
from components.settings.cluster import Cluster
from steps.kubernetes import PIPELINE_TASK

# What the steps are given that ask an application for a smoke check.
SMOKE_VARIABLE = "PARAM_SMOKE_URL"
LISTENER_LABEL = "eventlistener"
LISTENER_PORT = 8080
PRUNER_LABELS = {"app.kubernetes.io/component": PRUNER}
TELLER_LABELS = {"app.kubernetes.io/component": TELLER}
MINTER_LABELS = {"app.kubernetes.io/component": MINTER}
INTERCEPTORS = {"app.kubernetes.io/part-of": "tekton-triggers", "app.kubernetes.io/component": "interceptors"}
INTERCEPTORS_PORT = 8443
DNS_PORT = 53

# The volume with the copy that tests work on: pull-request code, and the build after it, may leave by the proxy.
WORK_VOLUME, WORK_LEAVES_BY = "test", ("proxy", "internet")
# What tests and builds find on the internet.
INTERNET_PORTS = (80, 443)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """What pods talk to outside of their own namespaces."""

    url: str
    addresses: Sequence[str] = ()
    """Ranges where it is; none where only its name tells."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What an environment's pods reach, and who reaches them."""

    environment: str
    workload_namespace: pulumi.Input[str]
    delivery_namespace: pulumi.Input[str]
    tasks: Mapping[str, Manifest]
    """Specs of the Tasks, by the name that their pods carry."""
    forge_git: Destination
    """Where git fetches."""
    forge_api: Destination
    """The forge's REST API."""
    registry: Destination
    quarantine: Destination | None
    """None where no pull-request code runs."""
    base_images: Sequence[Destination] = ()
    """Registries that only builds read, beside the quarantine registry."""
    proxy: Destination | None = None
    """The proxy by which tests and builds leave the cluster."""
    internet: bool = False
    """Whether they reach every public address."""
    minter: bool = False
    """Whether a minter has tokens made to fetch by."""
    source: Destination | None
    """The registry that images are promoted from; None where it is `registry`."""
    cluster: Cluster = field(default_factory=Cluster)
    """Where the cluster has its API server, its name service and Tekton."""
    smoke_checked: Mapping[str, int | None]
    """Applications with a smoke check, and the port that their pods serve on; None where the pods are somebody else's."""
    shared: bool = False
    """Whether the workload namespace may hold pods of somebody else, which are none of this environment's business."""
    listener: str | None
    """Name of the EventListener; None where it lives in another environment's delivery namespace."""
    ports: Mapping[str, int]
    """Application to the port that its pods serve on, if they do."""


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

        ours = labels(environment=args.environment) if args.shared else {}
        everybody = closed(args.cluster, {"matchLabels": ours} if ours else None)
        declare("workload", args.workload_namespace, everybody | applications(args.ports, ours))
        heard = listener(args.listener, args.cluster) if args.listener else {}
        ours_alone = closed(args.cluster) | tasks(args) | jobs(args) | heard
        declare("delivery", args.delivery_namespace, ours_alone)
        self.register_outputs({})


def closed(cluster: Cluster, pods: Manifest | None = None) -> dict[str, Manifest]:
    """Return what holds for pods of a namespace, by default for all: nothing passes but questions to the cluster's DNS."""
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.dns.namespace}}}
    openings = [{"to": [there], "ports": dns(*dict.fromkeys((DNS_PORT, cluster.dns.port)))}]
    if cluster.dns.addresses:
        openings.append({"to": addresses.resolvers(cluster.dns.addresses), "ports": dns(DNS_PORT)})
    return {
        "default-deny": {"podSelector": pods or {}, "policyTypes": ["Ingress", "Egress"]},
        "all-to-dns": {
            "podSelector": pods or {},
            "policyTypes": ["Egress"],
            "egress": openings,
        },
    }


def applications(ports: Mapping[str, int], ours: Mapping[str, str]) -> dict[str, Manifest]:
    """Return the openings of applications: each is reached on its port, from anywhere."""
    return {
        f"anyone-to-{application}": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": application, **ours}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": tcp(port)}],
        }
        for application, port in ports.items()
    }


def tasks(args: NetworkArgs) -> dict[str, Manifest]:
    """Return the openings of runs, by what they lead to."""
    destinations = {
        "forge-git": args.forge_git,
        "forge-api": args.forge_api,
        "registry": args.registry,
        "quarantine": args.quarantine,
        "source": args.source,
        "proxy": args.proxy,
    }
    own = args.cluster.own_addresses
    leads_to = {target: [outside(there, own)] for target, there in destinations.items() if there}
    leads_to["api-server"] = [api_server(args.cluster)]
    if args.base_images:
        leads_to["base-images"] = [outside(there, own) for there in args.base_images]
    if args.internet:
        leads_to["internet"] = [{"to": addresses.public(own), "ports": tcp(*INTERNET_PORTS)}]
    made = {}
    for target, openings in leads_to.items():
        who = sorted(name for name, spec in args.tasks.items() if target in opened(spec))
        if who:
            selector = {"matchExpressions": [{"key": PIPELINE_TASK, "operator": "In", "values": who}]}
            made[f"runs-to-{target}"] = {"podSelector": selector, "policyTypes": ["Egress"], "egress": openings}
    given = {name: {entry["name"] for step in spec["steps"] for entry in step["env"]} for name, spec in args.tasks.items()}
    who = sorted(name for name, variables in given.items() if SMOKE_VARIABLE in variables)
    for application, number in args.smoke_checked.items():
        made[f"rollouts-to-{application}"] = {
            "podSelector": {"matchExpressions": [{"key": PIPELINE_TASK, "operator": "In", "values": who}]},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [
                        {
                            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": args.workload_namespace}},
                            # By which labels others know their pods, and where those listen, is not known here.
                            "podSelector": {"matchLabels": {"app.kubernetes.io/name": application}} if number else {},
                        }
                    ],
                    **({"ports": tcp(number)} if number else {}),
                }
            ],
        }
    return made


def opened(task: Manifest) -> set[str]:
    """Return what the pods of a Task reach: what they hold a credential for, and where they fetch."""
    held = [item["name"] for item in task.get("volumes", [])]
    reached: set[str] = {there for name in held if name in BY_VOLUME for there in BY_VOLUME[name].opens}
    if WORK_VOLUME in held:
        reached.update(WORK_LEAVES_BY)
    if any(param["name"] == "repository-url" for param in task.get("params", [])):
        reached.add("forge-git")
    return reached


def jobs(args: NetworkArgs) -> dict[str, Manifest]:
    """Return the openings of what runs beside runs: what deletes ended ones, tells the forge late, and mints tokens."""
    api, forge = api_server(args.cluster), outside(args.forge_api, args.cluster.own_addresses)
    openings = {
        "pruner-to-api-server": (PRUNER_LABELS, api),
        "teller-to-api-server": (TELLER_LABELS, api),
        "teller-to-forge-api": (TELLER_LABELS, forge),
    }
    if args.minter:
        openings |= {"minter-to-api-server": (MINTER_LABELS, api), "minter-to-forge-api": (MINTER_LABELS, forge)}
    return {
        name: {"podSelector": {"matchLabels": who}, "policyTypes": ["Egress"], "egress": [opening]}
        for name, (who, opening) in openings.items()
    }


def listener(name: str, cluster: Cluster) -> dict[str, Manifest]:
    """Return the openings of the EventListener. The forge, or the ingress before it, is known by no label here."""
    selector = {"matchLabels": {LISTENER_LABEL: name}}
    interceptors = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.tekton_namespace}},
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
            "egress": [api_server(cluster)],
        },
    }


def outside(there: Destination, own: Sequence[str]) -> Manifest:
    """Return the opening to a host and its port."""
    return {
        "to": addresses.peers(urlsplit(there.url).hostname or "", there.addresses, own),
        "ports": tcp(port(there.url)),
    }


def api_server(cluster: Cluster) -> Manifest:
    """Return the opening to the API server, which is private on one cluster and public on the next."""
    named = cluster.api_server_addresses
    to = addresses.named_only(named) if named else [*addresses.private(), *addresses.public()]
    return {"to": to, "ports": tcp(*cluster.api_server_ports)}


def dns(*numbers: int) -> list[Manifest]:
    """Return the ports of a name service."""
    return [{"protocol": protocol, "port": number} for number in numbers for protocol in ("UDP", "TCP")]


def tcp(*numbers: int) -> list[Manifest]:
    """Return TCP ports."""
    return [{"protocol": "TCP", "port": number} for number in numbers]


def port(url: str) -> int:
    """Return the port of a URL, or the usual one of its scheme."""
    parts = urlsplit(url)
    return parts.port or {"ssh": 22, "http": 80, "https": 443}[parts.scheme]
