"""The cluster's network namespace: a machine of its own that only the host can reach, and that reaches nothing."""

import ctypes
import hashlib
import ipaddress
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TypeVar

from local.cluster.names import Shape
from local.errors import UserError

T = TypeVar("T")

POOL = IPv4Network("10.199.0.0/16")
# Which older versions laid between the pods.
_BRIDGE = "cni0"
_FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Link:
    """The two ends of the wire between host and cluster."""

    network: IPv4Network

    @property
    def host(self) -> str:
        return str(self.network[1])

    @property
    def node(self) -> str:
        return str(self.network[2])


def choose(identity: str, taken: Iterable[IPv4Network]) -> Link:
    """A free /30 out of the pool. Every cluster begins to look elsewhere, so that stopped ones rarely collide."""
    used = [network for network in taken if network.overlaps(POOL)]
    candidates = list(POOL.subnets(new_prefix=30))
    start = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4]) % len(candidates)
    for network in candidates[start:] + candidates[:start]:
        if not any(network.overlaps(other) for other in used):
            return Link(network)
    raise UserError(f"No /30 is free in {POOL}: this machine has routes to all of it. Remove clusters or routes.")


def routed() -> list[IPv4Network]:
    """The networks this machine has routes to."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
    destinations = {route["dst"] for route in routes if route["dst"] != "default"}
    return [ipaddress.IPv4Network(destination, strict=False) for destination in destinations]


class Namespace:
    """One named network namespace and its wire to the host."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = _FOLDER / name

    def exists(self) -> bool:
        # A name whose mount is gone (after a reboot, say) is a plain file.
        return self.path.exists() and self.path.stat().st_dev != _FOLDER.stat().st_dev

    def enter(self) -> list[str]:
        """The words before a command that run it inside. (`ip netns exec` would hide the cgroup mounts.)"""
        return ["nsenter", f"--net={self.path}"]

    def create(self, link: Link, shape: Shape) -> None:
        """Make the namespace, the wire and the routes, from whatever is left of an earlier attempt."""
        self.delete()
        taken = [network for network in routed() if network.overlaps(link.network)]
        if taken:
            raise UserError(
                f"The cluster's network {link.network} is in use on this machine by now (route to {taken[0]}). "
                "Remove that route, or remove this cluster with `down` and create it again."
            )
        _ip("netns", "add", self.name)
        _ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("address", "add", f"{link.host}/30", "dev", self.name)
        _ip("link", "set", self.name, "up")
        self.call(_configure_kernel)
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{link.node}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            # Connections that the node itself makes to a Service need a route before kube-proxy rewrites them.
            ("route", "add", shape.service_network, "dev", "lo", "src", link.node),
            ("route", "add", "unreachable", "default"),
        ):
            self._run("ip", *command)
        # Pods answer the host (NodePorts) but never call it: a pod with somebody's pull request finds no host service.
        outward = ["-s", shape.pod_network, "-o", "eth0", "-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT"]
        self._run("iptables", "-w", "-A", "FORWARD", *outward)

    def outdated(self) -> bool:
        """Whether an older version of this project made it, in another form."""
        command = [*self.enter(), "ip", "link", "show", "dev", _BRIDGE]
        return self.exists() and subprocess.run(command, capture_output=True).returncode == 0

    def pids(self) -> set[int]:
        """The processes that live inside."""
        if not self.exists():
            return set()
        return {int(pid) for pid in _ip("netns", "pids", self.name).split()}

    def delete(self) -> None:
        if self.exists():
            _ip("netns", "delete", self.name)
        self.path.unlink(missing_ok=True)
        # The host's end goes with the namespace, but late; and it is alone when creation was interrupted.
        if (Path("/sys/class/net") / self.name).exists():
            subprocess.run(["ip", "link", "delete", self.name], capture_output=True)

    def call(self, work: Callable[[], T]) -> T:
        """Run a function of this process inside, in a thread that ends with it: a thread has a namespace of its own."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                enter(self.path)
                outcome.append(work())
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def _run(self, *command: str) -> None:
        execute([*self.enter(), *command])


def _configure_kernel() -> None:
    """The namespace's own settings: it forwards between pods, believes their addresses, and speaks IPv4 only."""
    settings = Path("/proc/sys/net/ipv4")
    (settings / "ip_forward").write_text("1")
    for scope in ("all", "default"):
        # Strict: a packet whose answer would go another way is dropped, so no pod passes for another one.
        (settings / "conf" / scope / "rp_filter").write_text("1")
    version6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    if version6.exists():
        version6.write_text("1")


def enter(path: Path) -> None:
    """setns(2) for the calling thread; Python has it from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {path}")
    finally:
        os.close(handle)


def _ip(*arguments: str) -> str:
    return execute(["ip", *arguments])


def execute(command: list[str]) -> str:
    """Run a command of the host's; what it prints. Raises UserError with its own words."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise UserError(f"`{' '.join(command)}` failed: {result.stderr.strip()}")
    return result.stdout
