"""Every test: those that need no cluster first, then those on the embedded cluster, which is started for them."""

import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from local import debian, machine, memory, second_machine, tools
from local.cluster import Cluster
from local.errors import UserError
from local.paths import ROOT, STATE
from local.progress import Progress

PYTEST = [sys.executable, "-m", "pytest", "-q"]
# By file, so that what a file declares once is declared in one of them; tests/conftest.py says how many there are. Each
# would import what needs a cluster as well, to leave it out.
PARALLEL = ["-n", "auto", "--dist", "loadfile", "--ignore=tests/e2e"]
WITHOUT_CLUSTER = [*PYTEST, *PARALLEL, "-m", "not e2e and not conformance"]
END_TO_END = [*PYTEST, "-m", "e2e", "tests/e2e", "--durations=60"]
# Bytes for two clusters, two forges and what the tests start; one takes about 4 GB.
MEMORY_OF_TWO = 12 * 2**30
CONFORMANCE_LOG = STATE / "conformance.log"
APART_LOG = STATE / "apart.log"
UP_LOG = STATE / "up.log"


def main(arguments: list[str]) -> int:
    """Run every test; further arguments go to the end-to-end tests, e.g. `-k webhook`. Returns the exit code."""
    progress = Progress()
    was_running = Cluster().running()
    try:
        debian.ensure(("jq", "openssl", "busybox-static", "gcc"), progress)
        # What an interrupted run left there still runs.
        second_machine.down(progress)
        try:
            return _every_test(arguments, progress)
        finally:
            second_machine.down(progress)
            if not was_running:
                machine.down(progress)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _every_test(arguments: list[str], progress: Progress) -> int:
    """A choice of the end-to-end tests on this machine alone; all of them on two where there is room."""
    two = not arguments and memory.installed() >= MEMORY_OF_TWO
    # What has to be compiled first would take the time from tests that have a deadline.
    beside = all(map(tools.compiled, machine.needed_tools()))
    with ThreadPoolExecutor() as pool:
        starting = _start(pool, two) if beside else []
        progress.line("Tests without a cluster")
        code = subprocess.run(WITHOUT_CLUSTER, cwd=ROOT).returncode
        if code:
            return code
        progress.line("\nThe embedded cluster")
        with progress.step("Start it"):
            first, *others = starting or _start(pool, two)
            code = first.result()
        progress.line(UP_LOG.read_text())
        return code or _on_the_clusters(pool, arguments, others, progress)


def _start(pool: ThreadPoolExecutor, two: bool) -> list["Future[int]"]:
    """Begin to start this checkout's machine, and beside it a second one. Each ends with an exit code."""
    UP_LOG.parent.mkdir(exist_ok=True)
    if two:
        second_machine.LOG.unlink(missing_ok=True)
        # Before tests write into the checkout for a moment.
        second_machine.copy()
    starting = [pool.submit(_logged, UP_LOG, [sys.executable, "-m", "local", "up"])]
    return [*starting, pool.submit(second_machine.run, "-m", "local", "up")] if two else starting


def _on_the_clusters(pool: ThreadPoolExecutor, arguments: list[str], others: list["Future[int]"], progress: Progress) -> int:
    """Run the end-to-end tests: on this machine, which has started, and on a second one as soon as it has."""
    with tempfile.TemporaryDirectory() as claims:
        shared = [f"--claims={claims}"] if others else []
        beside = pool.submit(_beside, shared)
        second = [pool.submit(_on_the_second, started, [*END_TO_END[1:], *shared]) for started in others]
        progress.line("\nEnd-to-end tests")
        codes = [subprocess.run([*END_TO_END, *shared, *arguments], cwd=ROOT).returncode]
        for running in second:
            with progress.step("Wait for the tests on the second machine"):
                codes.append(running.result())
            progress.line(f"\nEnd-to-end tests on the second machine\n{second_machine.LOG.read_text()}")
        codes.append(beside.result())
        progress.line(f"\nConformance tests of the plugins\n{CONFORMANCE_LOG.read_text()}")
        if shared:
            progress.line(f"\nEnd-to-end tests beside others\n{APART_LOG.read_text()}")
    return next((code for code in codes if code), 0)


def _beside(shared: list[str]) -> int:
    """What this machine runs beside the end-to-end tests: the conformance tests, and then those that need no stack alone."""
    code = _logged(CONFORMANCE_LOG, [*PYTEST, "-m", "conformance", "tests/conformance"])
    return (_logged(APART_LOG, [*END_TO_END, *shared, "--apart"]) if shared else 0) or code


def _on_the_second(started: "Future[int]", command: list[str]) -> int:
    """Run a command on the second machine once that has started; what it takes is the first one's afterwards."""
    code = started.result() or second_machine.run(*command)
    second_machine.down(Progress(write=lambda text: None, tty=False))
    return code


def _logged(log: Path, command: list[str]) -> int:
    with log.open("w") as output:
        return subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
