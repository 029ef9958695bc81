"""NetworkPolicies as a table of nftables, which replaces the one before in a single transaction.

The table judges what begins a connection: a packet that a pod sends, by the pod's `egress`, and one that is forwarded to a
pod, by that pod's `ingress`. What the node itself sends is not judged: the kubelet's probes, as everywhere, and here the
forge, which lives on the node. Packets from and to addresses of the pod network that belong to no known pod are dropped in
silence: a pod whose policies are not in force yet waits, and its first packets are sent again. What a policy refuses is
answered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from local.firewall.model import Object, Pod, Policy, State, chosen, selects

TABLE = "policies"
# Behind the chains of iptables, whose priority is 0: kube-proxy's answer for Services without pods.
PRIORITY = 10


@dataclass(frozen=True)
class Direction:
    """One of the two sides by which a connection is judged."""

    type: str
    """As in `policyTypes`."""
    rules: str
    """Field of a policy."""
    peers: str
    """Field of a rule."""
    far: str
    """Where a packet has the address of the other side."""
    chain: str


EGRESS = Direction("Egress", "egress", "to", "ip daddr", "leaving")
INGRESS = Direction("Ingress", "ingress", "from", "ip saddr", "entering")


def render(state: State, pod_network: str) -> str:
    """Return the table as input of `nft`. The same state gives the same text."""
    pods = sorted(state.pods, key=lambda pod: pod.address)
    chains: dict[tuple[str, ...], str] = {}
    maps = []
    for direction in (EGRESS, INGRESS):
        verdicts = []
        for pod in pods:
            allowed = permits(state, pod, direction)
            if allowed is not None:
                name = chains.setdefault((direction.chain, *allowed), f"{direction.chain}-{len(chains)}")
                verdicts.append(f"{pod.address} : jump {name}")
        maps.append(f"map {direction.chain} {{ type ipv4_addr : verdict; {_elements(verdicts)}}}")
    addresses = [str(pod.address) for pod in pods]
    from_pods, to_pods = f"ip saddr {pod_network} jump leaves", f"ip daddr {pod_network} jump enters"
    # No policy keeps a pod from itself, which it may call by the name of a Service.
    before = ["ct state established,related accept", "ip saddr . ip daddr @itself accept"]
    hook = f"type filter hook %s priority {PRIORITY}; policy accept;"
    lines = [
        # Declared first, so that there is one to delete.
        f"table ip {TABLE}",
        f"delete table ip {TABLE}",
        f"table ip {TABLE} {{",
        f"set known {{ type ipv4_addr; {_elements(addresses)}}}",
        f"set itself {{ type ipv4_addr . ipv4_addr; {_elements(f'{address} . {address}' for address in addresses)}}}",
        *_chain("refuse", ["meta l4proto tcp counter reject with tcp reset", "counter reject"]),
        *(line for (_, *allowed), name in chains.items() for line in _chain(name, [*allowed, "goto refuse"])),
        *maps,
        *_chain("leaves", ["ip saddr != @known counter drop", "ip saddr vmap @leaving"]),
        *_chain("enters", ["ip daddr != @known counter drop", "ip daddr vmap @entering"]),
        *_chain("forward", [hook % "forward", *before, from_pods, to_pods]),
        *_chain("input", [hook % "input", *before, from_pods]),
        "}",
    ]
    return "\n".join(lines) + "\n"


def permits(state: State, pod: Pod, direction: Direction) -> list[str] | None:
    """Return the rules that let a connection pass one side, each ending in `return`; None where no policy judges."""
    judging = [policy for policy in state.policies if policy.namespace == pod.namespace and _judges(policy, pod, direction)]
    if not judging:
        return None
    found = {
        line
        for policy in judging
        for rule in policy.spec.get(direction.rules) or []
        for line in _openings(state, policy, rule, pod, direction)
    }
    return sorted(found)


def _judges(policy: Policy, pod: Pod, direction: Direction) -> bool:
    default = ["Ingress", "Egress"] if "egress" in policy.spec else ["Ingress"]
    types = policy.spec.get("policyTypes") or default
    return direction.type in types and selects(policy.spec.get("podSelector") or {}, pod.labels)


def _openings(state: State, policy: Policy, rule: Object, pod: Pod, direction: Direction) -> Iterator[str]:
    """Return the lines of one rule of `ingress` or `egress`."""
    peers = rule.get(direction.peers) or []
    blocks = [line for peer in peers if "ipBlock" in peer for line in _block(peer["ipBlock"], direction)]
    pods = [found for peer in peers if "ipBlock" not in peer for found in chosen(state, peer, policy.namespace)]
    everybody = [""] if not peers else [*blocks, *_members(pods, direction)]
    for port in rule.get("ports") or [{}]:
        if not isinstance(port.get("port"), str):
            yield from (f"{far}{_port(port)}return" for far in everybody)
            continue
        # A port's name belongs to the pod that is called, and so may mean a number with one and another with the next.
        called = [pod] if direction is INGRESS else list(state.pods) if not peers else pods
        for number in sorted({number for one in called for number in _numbers(one, port)}):
            having = [one for one in called if number in _numbers(one, port)]
            who = everybody if direction is INGRESS else _members(having, direction)
            yield from (f"{far}{_port(port | {'port': number})}return" for far in who)


def _block(block: Object, direction: Direction) -> list[str]:
    """Return the match of an `ipBlock`, ending in a space; nothing for one of IPv6, which no pod here has."""
    network = ip_network(block["cidr"], strict=False)
    if not isinstance(network, IPv4Network):
        return []
    left_out = f"{direction.far} != {{ {', '.join(block['except'])} }} " if block.get("except") else ""
    return [f"{direction.far} {network} {left_out}"]


def _members(pods: Iterable[Pod], direction: Direction) -> list[str]:
    """Return the match of these pods, ending in a space; nothing for none."""
    addresses = sorted({pod.address for pod in pods})
    return [f"{direction.far} {{ {', '.join(map(str, addresses))} }} "] if addresses else []


def _port(port: Object) -> str:
    """Return the match of a port, of a range or of all ports of a protocol, ending in a space; of `{}`: everything."""
    if not port:
        return ""
    protocol = port.get("protocol", "TCP").lower()
    if "port" not in port:
        return f"meta l4proto {protocol} "
    last = f"-{port['endPort']}" if "endPort" in port else ""
    return f"{protocol} dport {port['port']}{last} "


def _numbers(pod: Pod, port: Object) -> set[int]:
    """Return what a port's name means with a pod."""
    wanted = (port["port"], port.get("protocol", "TCP"))
    return {number for name, protocol, number in pod.ports if (name, protocol) == wanted}


def _elements(values: Iterable[str]) -> str:
    found = ", ".join(values)
    return f"elements = {{ {found} }} " if found else ""


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f"chain {name} {{", *(f"    {rule}" for rule in rules), "}"]
