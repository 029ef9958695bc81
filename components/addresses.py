"""Address ranges: where a host can be that a setting names, and what no opening leads to."""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)

from components.conventions import Manifest

Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


# Where companies, clusters and their nodes have addresses that nobody reaches from elsewhere.
PRIVATE = _networks("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
# Where no forge and no registry is: the pod itself and what is beside it, several at once, and where clouds hand out the
# credentials of nodes (link-local, but Azure's, Oracle's and Alibaba's too, and those of AWS and Google for IPv6).
_NOWHERE = _networks(
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
    "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
    "::/127", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128",
)  # fmt: skip
# What stands for an IPv4 address: on no wire (mapped), or for a public one alone (NAT64, RFC 6052).
_MAPPED, _NAT64 = _networks("::ffff:0:0/96", "64:ff9b::/96")
NEVER = (
    *_NOWHERE,
    _MAPPED,
    *(
        IPv6Network((int(_NAT64.network_address) + int(network.network_address), 96 + network.prefixlen))
        for network in (*PRIVATE, *_NOWHERE)
        if isinstance(network, IPv4Network)
    ),
)
# https://www.iana.org/assignments/iana-ipv4-special-registry: what else is not global. Of IPv6 that is all but the global
# unicast addresses, and among these the ways in which they carry others (6to4, Teredo) and those of documents. The forms
# that stand for an IPv4 address (mapped, NAT64) lie outside of them.
_SPECIAL = _networks(
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
    "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)  # fmt: skip
_GLOBAL = _networks("0.0.0.0/0", "2000::/3")
# Domains whose names lead to no public address: reserved (RFC 6761, 6762, 8375 and ICANN's `internal`), a cluster's own, and
# those that are never delegated since so many use them.
_INSIDE = ("internal", "local", "localhost", "home.arpa", "svc", "lan", "corp", "home", "intranet", "private", "localdomain")


def literal(host: str) -> Network | None:
    """Return the address that a host's name is, None for a name. What stands for an IPv4 address is that one."""
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return None
    return ip_network(getattr(address, "ipv4_mapped", None) or address)


def is_inside(host: str) -> bool:
    """Whether a name can only lead to a private address."""
    return "." not in host or host.endswith(tuple(f".{domain}" for domain in _INSIDE))


def is_public(host: str, named: Sequence[str]) -> bool:
    """Whether the way to a host leads to every public address, since nothing tells more of where it is."""
    return not named and literal(host) is None and not is_inside(host)


def is_nameable(text: object) -> bool:
    """Whether a setting may open this range: one that says where something is, and not in NEVER."""
    try:
        network = ip_network(text) if isinstance(text, str) else None
    except ValueError:
        return False
    if network is None or network.prefixlen < {4: 8, 6: 7}[network.version]:
        return False
    return not any(_within(network, other) for other in NEVER)


def is_resolver(text: object) -> bool:
    """Whether a setting may name this as a name service. On a node it has a link-local address."""
    try:
        address = ip_address(text) if isinstance(text, str) else None
    except ValueError:
        return False
    if address is None or address.is_loopback or address.is_multicast or address.is_unspecified:
        return False
    # What stands for an IPv4 address is on no wire, and in the first and the last of those nothing answers.
    return getattr(address, "ipv4_mapped", None) is None and not any(
        _within(ip_network(address), other) for other in _networks("0.0.0.0/8", "255.255.255.255/32")
    )


def resolvers(named: Sequence[str]) -> list[Manifest]:
    """Return the `to` that leads to name services."""
    return [{"ipBlock": {"cidr": str(ip_network(text))}} for text in named]


def peers(host: str, named: Sequence[str], own: Sequence[str]) -> list[Manifest]:
    """Return the `to` of an opening: to the ranges that are named for a host, or to where its name lets it be.

    `own` are ranges of the cluster among the public ones: closed unless they are named.
    """
    if named:
        return named_only(named)
    if (address := literal(host)) is not None:
        return _blocks([address], ())
    return private(own) if is_inside(host) else public(own)


def named_only(named: Sequence[str]) -> list[Manifest]:
    """Return the `to` that leads to these ranges. A wider one does not name the private ranges in it."""
    networks = [ip_network(text) for text in named]
    return [
        block
        for network in networks
        for block in _blocks([network], (*NEVER, *(other for other in PRIVATE if not _within(network, other))))
    ]


def public(own: Sequence[str] = ()) -> list[Manifest]:
    """Return the `to` that leads to every public address."""
    return _blocks(_GLOBAL, (*PRIVATE, *NEVER, *_SPECIAL, *map(ip_network, own)))


def private(own: Sequence[str] = ()) -> list[Manifest]:
    """Return the `to` that leads to every private address."""
    return _blocks(PRIVATE, (*NEVER, *map(ip_network, own)))


def left_open(network: Network, excepted: Sequence[Network]) -> list[Network]:
    """Return what a range leads to, less its exceptions, that its width does not name: private ranges in a wider one."""
    parts = [other for other in PRIVATE if other != network and _within(other, network)]
    parts += [other for other in NEVER if _within(other, network) or _within(network, other)]
    return [part for part in parts if not any(_within(part, other) for other in excepted)]


def _blocks(networks: Iterable[Network], closed: Iterable[Network]) -> list[Manifest]:
    """Return each range without what is closed in it. An empty list would mean everything, so that is an error."""
    closed, made = list(closed), []
    for network in networks:
        if any(_within(network, other) for other in closed):
            continue
        # The API takes exceptions from inside of the range alone.
        inner = {4: _inner(network, closed, IPv4Network), 6: _inner(network, closed, IPv6Network)}[network.version]
        made.append({"cidr": str(network)} | ({"except": inner} if inner else {}))
    if not made:
        raise ValueError("nothing is left open")
    return [{"ipBlock": block} for block in made]


def _inner(network: Network, closed: Iterable[Network], kind: type[IPv4Network] | type[IPv6Network]) -> list[str]:
    found = [other for other in closed if isinstance(other, kind) and _within(other, network)]
    return [str(each) for each in collapse_addresses(found)]  # type: ignore[type-var]


def _within(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(other, IPv4Network) and network.subnet_of(other)
    return isinstance(other, IPv6Network) and network.subnet_of(other)
