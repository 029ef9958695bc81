"""Every test: those that need no cluster first, then those on the embedded cluster, which is started for them."""

import subprocess
import sys

from local import debian, machine
from local.cluster import Cluster
from local.errors import UserError
from local.paths import ROOT, STATE
from local.progress import Progress

PYTEST = [sys.executable, "-m", "pytest", "-q"]
CONFORMANCE_LOG = STATE / "conformance.log"


def main(arguments: list[str]) -> int:
    """Run every test; further arguments go to the end-to-end tests, e.g. `-k webhook`. Returns the exit code."""
    progress = Progress()
    try:
        debian.ensure(("jq", "openssl", "busybox-static"), progress)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    progress.line("Tests without a cluster")
    code = subprocess.run([*PYTEST, "-n", "2", "-m", "not e2e and not conformance"], cwd=ROOT).returncode
    if code:
        return code
    was_running = Cluster().running()
    try:
        progress.line("\nThe embedded cluster")
        machine.up(progress)
        return _on_the_cluster(arguments, progress)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if not was_running:
            machine.down(progress)


def _on_the_cluster(arguments: list[str], progress: Progress) -> int:
    """Run the plugins' conformance tests beside the end-to-end tests, which wait for pods most of their time."""
    progress.line("\nTests on the cluster (the plugins' conformance tests run beside them and are shown at the end)")
    with CONFORMANCE_LOG.open("w") as log:
        command = [*PYTEST, "-m", "conformance", "tests/conformance"]
        conformance = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            delivered = subprocess.run(
                [*PYTEST, "-m", "e2e", "tests/e2e", "--durations=15", *arguments], cwd=ROOT
            ).returncode
            conformed = conformance.wait()
        finally:
            conformance.kill()
    progress.line("\nConformance tests of the plugins")
    progress.line(CONFORMANCE_LOG.read_text())
    return delivered or conformed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
