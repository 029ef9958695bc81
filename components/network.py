"""Who may talk to whom: all traffic of an environment's namespaces is denied, and each opening has a name.

What lies outside the cluster (forge, registries, API server) has no label to select it by: those openings are by port, and
lead to the addresses that the settings name. Where they name none, to every public address and to no private one, or the
other way round for names that only a company or a cluster has. A cluster enforces this only with a network plugin that knows
NetworkPolicies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components import addresses
from components.conventions import PRUNER, TELLER, Manifest, labels, token
from components.credential import BY_VOLUME

# What the steps are given that ask an application for a smoke check.
SMOKE_VARIABLE = "PARAM_SMOKE_URL"
TASK_LABEL = "tekton.dev/pipelineTask"
LISTENER_LABEL = "eventlistener"
LISTENER_PORT = 8080
PRUNER_LABELS = {"app.kubernetes.io/component": PRUNER}
TELLER_LABELS = {"app.kubernetes.io/component": TELLER}
# The port of the Service `kubernetes`, and the one that the API server itself has on most clusters: a network plugin may
# look at a packet before or after the first has become the second.
API_SERVER_PORTS = (443, 6443)
INTERCEPTORS_NAMESPACE = "tekton-pipelines"
INTERCEPTORS = {"app.kubernetes.io/part-of": "tekton-triggers", "app.kubernetes.io/component": "interceptors"}
INTERCEPTORS_PORT = 8443

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
    source: Destination | None
    """The registry that images are promoted from; None where it is `registry`."""
    api_server: Sequence[str] = ()
    """Ranges where the API server answers pods; none where that is not known."""
    own: Sequence[str] = ()
    """Public ranges that are closed like private ones."""
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
        everybody = closed({"matchLabels": ours} if ours else None)
        declare("workload", args.workload_namespace, everybody | applications(args.ports, ours))
        heard = listener(args.listener, args.api_server) if args.listener else {}
        declare("delivery", args.delivery_namespace, closed() | tasks(args) | jobs(args) | heard)
        self.register_outputs({})


def closed(pods: Manifest | None = None) -> dict[str, Manifest]:
    """Return what holds for pods of a namespace, by default for all: nothing passes but questions to the cluster's DNS."""
    kube_system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "default-deny": {"podSelector": pods or {}, "policyTypes": ["Ingress", "Egress"]},
        "all-to-dns": {
            "podSelector": pods or {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [kube_system], "ports": dns}],
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
    leads_to = {target: [outside(there, args.own)] for target, there in destinations.items() if there}
    leads_to["api-server"] = [api_server(args.api_server)]
    if args.base_images:
        leads_to["base-images"] = [outside(there, args.own) for there in args.base_images]
    if args.internet:
        leads_to["internet"] = [{"to": addresses.public(args.own), "ports": tcp(*INTERNET_PORTS)}]
    made = {}
    for target, openings in leads_to.items():
        who = sorted(name for name, spec in args.tasks.items() if target in opened(spec))
        if who:
            selector = {"matchExpressions": [{"key": TASK_LABEL, "operator": "In", "values": who}]}
            made[f"runs-to-{target}"] = {"podSelector": selector, "policyTypes": ["Egress"], "egress": openings}
    given = {name: {entry["name"] for step in spec["steps"] for entry in step["env"]} for name, spec in args.tasks.items()}
    who = sorted(name for name, variables in given.items() if SMOKE_VARIABLE in variables)
    for application, number in args.smoke_checked.items():
        made[f"rollouts-to-{application}"] = {
            "podSelector": {"matchExpressions": [{"key": TASK_LABEL, "operator": "In", "values": who}]},
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
    """Return the openings of the job that deletes ended runs, and of the one that tells the forge late how some ended."""
    api, forge = api_server(args.api_server), outside(args.forge_api, args.own)
    openings = {
        "pruner-to-api-server": (PRUNER_LABELS, api),
        "teller-to-api-server": (TELLER_LABELS, api),
        "teller-to-forge-api": (TELLER_LABELS, forge),
    }
    return {
        name: {"podSelector": {"matchLabels": who}, "policyTypes": ["Egress"], "egress": [opening]}
        for name, (who, opening) in openings.items()
    }


def listener(name: str, api_server_addresses: Sequence[str]) -> dict[str, Manifest]:
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
            "egress": [api_server(api_server_addresses)],
        },
    }


def outside(there: Destination, own: Sequence[str]) -> Manifest:
    """Return the opening to a host and its port."""
    return {
        "to": addresses.peers(urlsplit(there.url).hostname or "", there.addresses, own),
        "ports": tcp(port(there.url)),
    }


def api_server(named: Sequence[str]) -> Manifest:
    """Return the opening to the API server, which is private on one cluster and public on the next."""
    to = addresses.named_only(named) if named else [*addresses.private(), *addresses.public()]
    return {"to": to, "ports": tcp(*API_SERVER_PORTS)}


def tcp(*numbers: int) -> list[Manifest]:
    """Return TCP ports."""
    return [{"protocol": "TCP", "port": number} for number in numbers]


def port(url: str) -> int:
    """Return the port of a URL, or the usual one of its scheme."""
    parts = urlsplit(url)
    return parts.port or {"ssh": 22, "http": 80, "https": 443}[parts.scheme]
