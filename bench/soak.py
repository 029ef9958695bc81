"""Many pull requests in a row, each merged: `python -m bench.soak [ROUNDS]`.

Ends with an error when production does not run the digest that staging ran, or when processes or memory of the cluster have
grown from after the first round to after the last.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.rounds import OURS, Delivery, deliver, how_many, settled
from local import machine
from local.cluster import cgroups
from local.errors import UserError
from local.machine import Machine
from local.progress import Progress

ROUNDS = 3
# Caches fill up and are emptied again; what leaks in every round passes this sooner or later.
GROWTH = 1.25


@dataclass(frozen=True)
class Usage:
    """What the cluster holds when nothing is going on."""

    processes: int
    megabytes: float
    """Memory of its own, less what is shared with files."""
    pods: int
    """Ended ones included."""
    volumes: int


def main(arguments: list[str]) -> int:
    """Run, print and record. Returns the exit code."""
    progress = Progress()
    try:
        rounds = how_many(arguments, ROUNDS)
        before, running = report.load(), machine.connect()
        usages = [_settled(running)]
        seconds: list[float] = []
        for number in range(1, rounds + 1):
            begun = time.monotonic()
            with progress.step(f"Pull request {number} of {rounds}"):
                delivered = deliver(running, OURS, f"Round {number} at {time.strftime('%H:%M:%S')}")
                seconds.append(time.monotonic() - begun)
                usages.append(_settled(running))
            if _digest(delivered["staging"]) != _digest(delivered["production"]):
                raise UserError(f"production does not run what staging ran in round {number}: {delivered}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = _text(usages, seconds, before)
    progress.line(f"\n{text}")
    report.append(f"Soak, {rounds} pull requests", text)
    faults = growth(usages)
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _digest(delivery: Delivery) -> str:
    return delivery.image.rpartition("@")[2]


def growth(usages: Sequence[Usage]) -> list[str]:
    """Return what has grown since the first round; what the very first round adds is no growth."""
    first, last = usages[1], usages[-1]
    faults = []
    if last.processes > first.processes:
        faults.append(f"the cluster has {last.processes} processes, after the first round it had {first.processes}")
    if last.megabytes > first.megabytes * GROWTH:
        faults.append(f"the cluster uses {last.megabytes:.0f} MB, after the first round it used {first.megabytes:.0f} MB")
    return faults


def _settled(running: Machine) -> Usage:
    """Wait until no pod begins or ends, and look."""
    core = running.kubernetes.core
    settled(running.kubernetes)
    pids = cgroups.pids(running.cluster.layout.id)
    return Usage(
        processes=len(pids),
        megabytes=sum(map(_anonymous, pids)) / 1024,
        pods=len(core.list_pod_for_all_namespaces().items),
        volumes=len(core.list_persistent_volume().items),
    )


def _anonymous(pid: int) -> int:
    """Return a process's own memory in kB, 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)


def _text(usages: Sequence[Usage], seconds: Sequence[float], load: float) -> str:
    rows = ["| after pull request | seconds | processes | own memory, MB | pods, ended ones included | volumes |"]
    rows.append("|---|---|---|---|---|---|")
    for number, usage in enumerate(usages):
        took = f"{seconds[number - 1]:.1f}" if number else ""
        rows.append(f"| {number} | {took} | {usage.processes} | {usage.megabytes:.0f} | {usage.pods} | {usage.volumes} |")
    every = "The digest in production was staging's each time."
    return "\n\n".join([report.machine(load), "\n".join(rows), every])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
