"""Every test: those that need no cluster first, then those on the embedded cluster, which is started for them."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from local import debian, machine, memory, second_machine
from local.cluster import Cluster
from local.errors import UserError
from local.paths import ROOT, STATE
from local.progress import Progress

PYTEST = [sys.executable, "-m", "pytest", "-q"]
# By file, so that what a file declares once is declared in one of the two.
IN_TWO = ["-n", "2", "--dist", "loadfile"]
END_TO_END = [*PYTEST, "-m", "e2e", "tests/e2e", "--durations=60"]
# Bytes for two clusters, two forges and what the tests start; one takes about 4 GB.
MEMORY_OF_TWO = 12 * 2**30
CONFORMANCE_LOG = STATE / "conformance.log"


def main(arguments: list[str]) -> int:
    """Run every test; further arguments go to the end-to-end tests, e.g. `-k webhook`. Returns the exit code."""
    progress = Progress()
    try:
        debian.ensure(("jq", "openssl", "busybox-static", "gcc"), progress)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    progress.line("Tests without a cluster")
    code = subprocess.run([*PYTEST, *IN_TWO, "-m", "not e2e and not conformance"], cwd=ROOT).returncode
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
        second_machine.down(progress)
        if not was_running:
            machine.down(progress)


def _on_the_cluster(arguments: list[str], progress: Progress) -> int:
    """Run the end-to-end tests; a choice of them on this machine alone, all of them on two where there is room."""
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory() as claims:
        conformance = pool.submit(_conformance)
        second = None
        if not arguments and memory.installed() >= MEMORY_OF_TWO:
            arguments = [f"--claims={claims}"]
            # What an interrupted run left there still runs.
            second_machine.down(progress)
            second = pool.submit(_on_a_second_machine, arguments)
        progress.line("\nEnd-to-end tests")
        codes = [subprocess.run([*END_TO_END, *arguments], cwd=ROOT).returncode]
        if second:
            with progress.step("Wait for the tests on the second machine"):
                codes.append(second.result())
            progress.line(f"\nEnd-to-end tests on the second machine\n{second_machine.LOG.read_text()}")
        codes.append(conformance.result())
        progress.line(f"\nConformance tests of the plugins\n{CONFORMANCE_LOG.read_text()}")
    return next((code for code in codes if code), 0)


def _conformance() -> int:
    with CONFORMANCE_LOG.open("w") as log:
        command = [*PYTEST, "-m", "conformance", "tests/conformance"]
        return subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT).returncode


def _on_a_second_machine(arguments: list[str]) -> int:
    """Start a machine of its own and take tests from the other end."""
    second_machine.LOG.unlink(missing_ok=True)
    second_machine.copy()
    return second_machine.run("-m", "local", "up") or second_machine.run(*END_TO_END[1:], *arguments, "--backwards")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
