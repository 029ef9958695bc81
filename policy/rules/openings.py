"""Network policies: what a pod may call is named, and the internet is not what lies inside."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from components.addresses import is_resolver, left_open
from policy.declared import Declared, items, mapping


def openings(item: Declared) -> Iterator[str]:
    """Yield the openings of a NetworkPolicy that lead further than anybody names."""
    if item.kind != "NetworkPolicy" or item.group != "networking.k8s.io":
        return
    for number, rule in enumerate(items(mapping(item.fields, "spec"), "egress")):
        where = f"spec.egress[{number}].to"
        peers = items(rule, "to")
        if not peers:
            yield f"{where}: empty, which is everywhere; name where it leads"
        for index, peer in enumerate(peers):
            block = mapping(peer, "ipBlock")
            if not block:
                continue
            if _is_a_resolver(block, items(rule, "ports")):
                continue
            excepted = [ip_network(text, strict=False) for text in items(block, "except")]
            opened = left_open(ip_network(block["cidr"], strict=False), excepted)
            if opened:
                yield (
                    f"{where}[{index}].ipBlock: {block['cidr']} has {', '.join(map(str, opened))} in it; "
                    "put that in `except`, or name the range that is meant"
                )


def _is_a_resolver(block: Mapping[str, Any], ports: Sequence[Any]) -> bool:
    """Whether a block is one address of a name service: NodeLocal DNSCache has a link-local one, as metadata has."""
    to_dns = bool(ports) and all(port.get("port") == 53 and "endPort" not in port for port in ports)
    address = ip_network(block["cidr"], strict=False)
    return to_dns and address.num_addresses == 1 and is_resolver(str(address.network_address))
