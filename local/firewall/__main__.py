"""python -m local.firewall: enforce the cluster's NetworkPolicies in this network namespace.

It begins with the closed table, in which no pod is known yet, unless there is one from before. It ends, and leaves the table
as it is, when the kernel refuses a table: no further pod is known then.
"""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from local.firewall.model import State, known, labels, pod, policy
from local.firewall.rules import TABLE, render
from local.firewall.watch import Kind, Server, server


def main(arguments: list[str]) -> int:
    """Run until killed. Returns 1 when it cannot go on."""
    parser = argparse.ArgumentParser(prog="python -m local.firewall", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--pod-network", required=True)
    options = parser.parse_args(arguments)
    before = subprocess.run(["nft", "list", "table", "ip", TABLE], capture_output=True)
    if before.returncode != 0:
        put(render(State({}), options.pod_network))
    return enforce(server(options.kubeconfig), options.pod_network)


def enforce(api: Server, pod_network: str) -> int:
    """Keep the kernel's table as the API server's objects say."""
    changed = threading.Event()
    namespaces = Kind("/api/v1/namespaces", labels, changed.set)
    pods = Kind("/api/v1/pods", pod, changed.set)
    policies = Kind("/apis/networking.k8s.io/v1/networkpolicies", policy, changed.set)
    kinds: tuple[Kind[Any], ...] = (namespaces, pods, policies)
    for kind in kinds:
        threading.Thread(target=partial(_end_with, kind.follow, api), daemon=True).start()
    table = ""
    while True:
        changed.wait()
        changed.clear()
        if not all(kind.listed for kind in kinds):
            continue
        names = {name: found for (_, name), found in namespaces.objects().items()}
        state = State(names, known(pods.objects().values()), tuple(policies.objects().values()))
        wanted = render(state, pod_network)
        if wanted != table:
            put(wanted)
            table = wanted


def put(table: str) -> None:
    """Give the kernel a table. Raises SystemExit with nft's own words where it does not take it."""
    result = subprocess.run(["nft", "--file", "-"], input=table, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"nft does not take the table: {result.stderr}\n{table}")


def _end_with(work: Callable[[Server], None], api: Server) -> None:
    """A thread that fails ends the program: the rest of it would go on with what is no longer true."""
    try:
        work(api)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


sys.exit(main(sys.argv[1:]))
