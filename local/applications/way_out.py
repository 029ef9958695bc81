"""A proxy on the cluster's node: it listens inside and asks from outside, so that builds reach package registries.

A plugin of proxy.py. Nothing else leads out of the cluster, and it is started for the applications in this folder alone.
"""

import contextlib
import os
import socket
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from proxy.http.exception import HttpRequestRejected
from proxy.http.proxy import HttpProxyBasePlugin

from local.cluster import Cluster, mounts, network
from local.paths import ROOT

NAME = "way-out"
PORT = 3128
# The variable that names the machine's own network namespace.
OUTSIDE = "OUTSIDE"
# What is the machine's own business: pods run what pull requests contain.
CLOSED = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
]


class WayOut(HttpProxyBasePlugin):
    """Resolves names and connects from the machine's own network, to public addresses on the ports of the web."""

    def resolve_dns(self, host: str, port: int) -> tuple[str | None, None]:
        # Of the thread that connects next.
        network.enter(Path(os.environ[OUTSIDE]))
        try:
            address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        except socket.gaierror as error:
            raise HttpRequestRejected(status_code=502, reason=b"Unknown Host") from error
        if port not in (80, 443) or not public(str(address)):
            raise HttpRequestRejected(status_code=403, reason=b"No Public Address")
        return str(address), None


def public(address: str) -> bool:
    """Whether an address is nobody's own: neither this machine's nor one of a network around it."""
    return not any(IPv4Address(address) in closed for closed in CLOSED)


def ensure(cluster: Cluster) -> str:
    """Start the proxy if it does not run; its URL."""

    def answers() -> bool:
        with contextlib.closing(socket.create_connection((cluster.node_ip, PORT), timeout=1)):
            return True

    outside = cluster.state / "outside"
    if not mounts.below(outside):
        # By a name of its own: who is inside may not look it up by another process.
        outside.touch()
        network.execute(["mount", "--bind", "/proc/self/ns/net", str(outside)])
    argv = [sys.executable, "-m", "proxy", "--hostname", cluster.node_ip, "--port", str(PORT), "--num-acceptors", "1"]
    argv += ["--num-workers", "1", "--plugins", f"{WayOut.__module__}.{WayOut.__name__}"]
    cluster.spawn(NAME, argv, env={"PYTHONPATH": str(ROOT), OUTSIDE: str(outside)}, ready=answers)
    return f"http://{cluster.node_ip}:{PORT}"


def end(cluster: Cluster) -> None:
    """Close the way out."""
    cluster.stop(NAME)
