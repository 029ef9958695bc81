"""What was measured, for people, and on which machine."""

import os
import platform
import subprocess
import time
from pathlib import Path

from local import memory
from local.paths import ROOT

RESULTS = Path(__file__).parent / "results.md"


def load() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def commit() -> str:
    """Return what is measured, as git abbreviates it."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"


def machine(load_before: float) -> str:
    """Return the conditions of a measurement that ends now."""
    gigabytes = memory.installed() / 2**30
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, commit {commit()}; {os.cpu_count()} cores ({_processor()}), "
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
