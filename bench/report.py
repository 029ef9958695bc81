"""What was measured, as a table for people, and on which machine."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import memory
from local.paths import ROOT

RESULTS = Path(__file__).parent / "results.md"


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return the table cells for the smallest, the middle and the largest value."""
    numbers = (min(values), statistics.median(values), max(values))
    return " | ".join(f"{number:.{digits}f}" for number in numbers)


def table(rows: Mapping[str, Sequence[float]], unit: str, digits: int = 1) -> str:
    """Return a Markdown table with one line for each measured thing."""
    lines = [f"| {unit} | min | median | max |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {spread(values, digits)} |" for name, values in rows.items() if values)])


def load() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def machine(load_before: float) -> str:
    """Return the conditions of a measurement that ends now."""
    gigabytes = memory.installed() / 2**30
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, commit {commit}; {os.cpu_count()} cores ({_processor()}), "
        f"{gigabytes:.0f} GiB, Linux {platform.release()}; load {load_before:.1f} at the start, {load():.1f} at the end"
    )


def append(title: str, text: str) -> None:
    """Add a measurement to the recorded ones."""
    with RESULTS.open("a") as file:
        file.write(f"\n## {title}\n\n{text}\n")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
