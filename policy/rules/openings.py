"""Network policies: what a pod may call is named, and the internet is not what lies inside."""

from collections.abc import Iterator
from ipaddress import ip_network

from components.addresses import left_open
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
            excepted = [ip_network(text, strict=False) for text in items(block, "except")]
            opened = left_open(ip_network(block["cidr"], strict=False), excepted)
            if opened:
                yield (
                    f"{where}[{index}].ipBlock: {block['cidr']} has {', '.join(map(str, opened))} in it; "
                    "put that in `except`, or name the range that is meant"
                )
