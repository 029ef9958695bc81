"""Every test: those that need no cluster first, then those on the embedded cluster, which is started for them."""

import subprocess
import sys

from local import machine
from local.cluster import Cluster
from local.errors import UserError
from local.paths import ROOT
from local.progress import Progress

PYTEST = [sys.executable, "-m", "pytest", "-q"]


def main(arguments: list[str]) -> int:
    """Run every test; further arguments go to pytest's second run, e.g. `-k webhook`. Returns the exit code."""
    progress = Progress()
    progress.line("Tests without a cluster")
    code = subprocess.run(PYTEST, cwd=ROOT).returncode
    if code:
        return code
    was_running = Cluster().running()
    try:
        progress.line("\nThe embedded cluster")
        machine.up(progress)
        progress.line("\nTests on the cluster")
        return subprocess.run([*PYTEST, "-m", "e2e or conformance", "--durations=15", *arguments], cwd=ROOT).returncode
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if not was_running:
            machine.down(progress)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
