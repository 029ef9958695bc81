"""The network policy engine, which judges what pods send and get."""

import sys
from pathlib import Path

from local.cluster import certificates
from local.cluster.names import Machine
from local.cluster.network import Namespace, execute
from local.cluster.processes import Component
from local.firewall.rules import TABLE
from local.paths import ROOT

NAME = "network-policies"


def engine(machine: Machine, namespace: Namespace) -> Component:
    """It is ready with its closed table: there is no moment in which a pod is not judged."""
    # Not as this process was called, which may differ from one `up` to the next.
    python = str(Path(sys.prefix).resolve() / "bin" / "python")
    kubeconfig = certificates.user(machine, NAME, NAME)
    argv = (python, "-m", "local.firewall", f"--kubeconfig={kubeconfig}", f"--pod-network={machine.shape.pod_network}")
    sources = tuple(sorted((ROOT / "local" / "firewall").glob("*.py")))
    listed = [*namespace.enter(), "nft", "list", "table", "ip", TABLE]
    return Component(NAME, argv, lambda: bool(execute(listed)), sources, {"PYTHONPATH": str(ROOT)})
