"""Where the declared network policies let a pod lead: from a cluster that enforces them, and from nowhere else."""

from collections.abc import Iterator

from components import addresses
from components.conventions import Manifest
from offline.reachability.objects import Objects, place, selects
from offline.reachability.pods import Pod

EVERYWHERE = "every port of EVERY address"
PUBLIC = {peer["ipBlock"]["cidr"]: frozenset(peer["ipBlock"].get("except", [])) for peer in addresses.public()}


def openings(pod: Pod, objects: Objects) -> Iterator[tuple[str, str]]:
    """Yield where a pod may open connections to, and the NetworkPolicy that lets it. Several policies add up."""
    judging = [
        policy
        for policy in objects.all("NetworkPolicy", pod.account.namespace)
        if "Egress" in policy["spec"].get("policyTypes", []) and selects(policy["spec"]["podSelector"], dict(pod.labels))
    ]
    if not judging:
        yield EVERYWHERE, "no NetworkPolicy"
    for policy in judging:
        for rule in policy["spec"].get("egress") or []:
            ports = ", ".join(_port(port) for port in rule.get("ports") or [])
            for peer in _peers(rule.get("to") or []):
                yield f"{f'port {ports}' if ports else 'every port'} of {peer}", f"NetworkPolicy {place(policy)}"


def _port(port: Manifest) -> str:
    protocol = port.get("protocol", "TCP")
    number = f"{port.get('port', 'any')}{'-' + str(port['endPort']) if 'endPort' in port else ''}"
    return number if protocol == "TCP" else f"{number}/{protocol}"


def _peers(to: list[Manifest]) -> Iterator[str]:
    """Yield each place that a rule leads to; both halves of the internet are one."""
    if not to:
        yield "EVERY address"
    blocks = [peer["ipBlock"] for peer in to if "ipBlock" in peer]
    public = [block for block in blocks if _is_public(block)]
    if public:
        closed = {excepted for block in public for excepted in set(block["except"]) - PUBLIC[block["cidr"]]}
        yield "EVERY public address" + (f" but {', '.join(sorted(closed))}" if closed else "")
    named = [block for block in blocks if block not in public]
    if named:
        yield ", ".join(f"{block['cidr']}{_but(block.get('except'))}" for block in named)
    for peer in to:
        if "ipBlock" not in peer:
            yield _pods(peer)


def _is_public(block: Manifest) -> bool:
    """Whether a range is the internet, without what is not of it."""
    return block["cidr"] in PUBLIC and PUBLIC[block["cidr"]] <= set(block.get("except", []))


def _but(excepted: list[str] | None) -> str:
    return f" but {', '.join(excepted)}" if excepted else ""


def _pods(peer: Manifest) -> str:
    within = peer.get("namespaceSelector")
    names = (within or {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
    where = names or ("every namespace" if within == {} else "the pod's own namespace" if within is None else str(within))
    labels = ", ".join(f"{key}={value}" for key, value in sorted(peer.get("podSelector", {}).get("matchLabels", {}).items()))
    return f"pods {labels} in {where}" if labels else f"every pod in {where}"
