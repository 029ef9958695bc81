"""A wire from one cluster to another on this machine, for the few ports that it is made for.

All of its rules are in the namespace of the cluster that asks for it, so they and the wire end with that cluster.
"""

import subprocess
from dataclasses import dataclass

from local.cluster.network import Namespace, execute

DEVICE = "wire"
_NEW = ("-m", "conntrack", "--ctstate", "NEW")


@dataclass(frozen=True)
class Neighbour:
    """Another running cluster, as far as this one has to do with it."""

    namespace: Namespace
    address: str
    """Its node's."""
    hosts: tuple[str, ...]
    """Names by which pods here find its node."""
    opens: tuple[int, ...]
    """Its ports that this cluster may open. Its API server's is not among them."""
    admitted: tuple[int, ...]
    """Ports here that its node may open, such as a listener's NodePort. Its pods may open none."""


def connect(namespace: Namespace, address: str, neighbour: Neighbour) -> None:
    """Lay the wire and its rules; a second call changes nothing. `address` is the node's in `namespace`."""
    if not _laid(namespace):
        _lay(namespace, address, neighbour)
    for table, chain, rule in rules(address, neighbour):
        command = [*namespace.enter(), "iptables", "-w", "-t", table]
        if subprocess.run([*command, "-C", chain, *rule], capture_output=True).returncode != 0:
            execute([*command, "-A", chain, *rule])


def rules(address: str, neighbour: Neighbour) -> list[tuple[str, str, tuple[str, ...]]]:
    """Table, chain and rule of everything that may pass, and of what may not."""
    opens, admitted = (",".join(map(str, ports)) for ports in (neighbour.opens, neighbour.admitted))
    return [
        # Before NodePorts are rewritten, so that a port is what was dialled.
        ("mangle", "PREROUTING", ("-i", DEVICE, "!", "-s", neighbour.address, "-j", "DROP")),
        ("mangle", "PREROUTING", ("-i", DEVICE, *_NEW, "!", "-p", "tcp", "-j", "DROP")),
        ("mangle", "PREROUTING", ("-i", DEVICE, *_NEW, *_other_than(admitted), "-j", "DROP")),
        # Pods of both clusters have the same addresses.
        ("nat", "POSTROUTING", ("-o", DEVICE, "!", "-s", address, "-j", "SNAT", "--to-source", address)),
        *(
            ("filter", chain, ("-o", DEVICE, *_NEW, *others, "-j", "REJECT"))
            for chain in ("FORWARD", "OUTPUT")
            for others in (("!", "-p", "tcp"), _other_than(opens))
        ),
    ]


def _other_than(ports: str) -> tuple[str, ...]:
    return ("-p", "tcp", "-m", "multiport", "!", "--dports", ports) if ports else ("-p", "tcp")


def _laid(namespace: Namespace) -> bool:
    command = [*namespace.enter(), "ip", "link", "show", "dev", DEVICE]
    return subprocess.run(command, capture_output=True).returncode == 0


def _lay(namespace: Namespace, address: str, neighbour: Neighbour) -> None:
    """No network of its own: each node is a host route for the other."""
    far = neighbour.namespace
    for where, command in (
        (namespace, ("link", "add", DEVICE, "type", "veth", "peer", "name", namespace.name, "netns", far.name)),
        (namespace, ("link", "set", DEVICE, "up")),
        (far, ("link", "set", namespace.name, "up")),
        (namespace, ("route", "replace", f"{neighbour.address}/32", "dev", DEVICE, "src", address)),
        (far, ("route", "replace", f"{address}/32", "dev", namespace.name, "src", neighbour.address)),
    ):
        execute([*where.enter(), "ip", *command])
