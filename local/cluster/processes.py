"""The cluster's processes: started detached, recognised again by pid and start time, watched until they are ready."""

import contextlib
import hashlib
import json
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.cluster import cgroups
from local.cluster.names import Layout
from local.cluster.network import Namespace
from local.errors import UserError

READY_WITHIN = 90.0
# The API server would take a minute, to let clients finish that are not there.
GRACE = 3.0
LOG_LINES = 15
_POLL = 0.1
# How the stack of a Go program ends its lines.
_FRAME = re.compile(r"\+0x[0-9a-f]+( fp=.*)?$", re.MULTILINE)
# Collecting garbage at five times instead of twice what is in use: these programs are small for the machines they run on.
GOGC = "400"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def clean_environment(home: Path) -> dict[str, str]:
    """An environment without the user's: a proxy variable would send the cluster's own calls elsewhere."""
    return {"PATH": _PATH, "HOME": str(home), "LANG": "C.UTF-8", "GOGC": GOGC}


@dataclass(frozen=True)
class Component:
    """A program of the cluster."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    """Asked again and again until it holds; whatever it raises counts as not yet."""
    files: tuple[Path, ...] = ()
    """Configuration whose change makes a restart necessary."""
    env: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Differs when the program has to be started anew."""
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files]
        parts = [self.argv, sorted(self.env.items()), contents]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Process:
    """A process that was started once: the pid alone may belong to another one by now."""

    pid: int
    started: str
    fingerprint: str

    def alive(self) -> bool:
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """When a process began, in a form that no other process and no other boot repeats; None if it has ended."""
    # Reaped here if it is our own child; a child of an earlier run is init's.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        # The command's name, in parentheses, may hold anything.
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, start_time = values[0], int(values[17]), values[19]
    # A killed process looks like a zombie as soon as its first thread is gone; until the last one is, it holds its
    # ports and locks.
    if state == "X" or (state == "Z" and threads < 2):
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{start_time}"


class StoppedError(UserError):
    """A component has ended by itself."""

    def __init__(self, component: str, tail: str) -> None:
        super().__init__(f"{component} has stopped; {tail}")
        self.component = component
        self.panicked = _FRAME.search(tail) is not None
        """Whether it ended where its authors did not expect it to, and not with an error of its own."""


class Processes:
    """All processes of one cluster, each with a pid file and a log."""

    def __init__(self, layout: Layout, namespace: Namespace) -> None:
        self._layout = layout
        self._namespace = namespace

    def known(self) -> list[str]:
        """Every component that was ever started in this cluster's life."""
        return sorted(path.stem for path in self._layout.pids.glob("*.pid"))

    def find(self, name: str) -> Process | None:
        """The component's process, if it lives."""
        try:
            pid, begun, fingerprint = (self._layout.pids / f"{name}.pid").read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        process = Process(int(pid), begun, fingerprint)
        return process if process.alive() else None

    def current(self, component: Component) -> bool:
        """Whether the component runs, as it is configured now, and works."""
        process = self.find(component.name)
        return process is not None and process.fingerprint == component.fingerprint() and _holds(component.ready)

    def ensure(self, component: Component) -> None:
        """Start the component unless it runs as configured, and wait until it is ready."""
        process = self.find(component.name)
        if process is not None and process.fingerprint != component.fingerprint():
            stop({process.pid})
            process = None
        if process is None:
            process = self._start(component)
        self._await(component, process)

    def stop(self, name: str) -> None:
        """End one component, if it runs, and forget it."""
        process = self.find(name)
        if process is not None:
            stop({process.pid})
        (self._layout.pids / f"{name}.pid").unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        return self._layout.logs / f"{name}.log"

    def tail(self, name: str) -> str:
        """The end of a component's log, for an error message."""
        try:
            lines = self.log(name).read_text(errors="replace").splitlines()[-LOG_LINES:]
        except FileNotFoundError:
            lines = []
        return f"the end of {self.log(name)}:\n" + "\n".join(f"  {line}" for line in lines)

    def _start(self, component: Component) -> Process:
        self._layout.pids.mkdir(parents=True, exist_ok=True)
        self._layout.logs.mkdir(parents=True, exist_ok=True)
        command = [*self._namespace.enter(), *component.argv]
        environment = clean_environment(self._layout.state) | dict(component.env)
        # A session of its own: neither Ctrl-C nor the end of this terminal reaches it.
        pid = os.posix_spawnp(
            command[0],
            command,
            environment,
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, self.log(component.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        begun = started(pid)
        if begun is None:
            raise StoppedError(component.name, self.tail(component.name))
        cgroups.adopt(self._layout.id, pid)
        process = Process(pid, begun, component.fingerprint())
        (self._layout.pids / f"{component.name}.pid").write_text(f"{pid} {begun} {process.fingerprint}\n")
        return process

    def _await(self, component: Component, process: Process) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not _holds(component.ready):
            if not process.alive():
                raise StoppedError(component.name, self.tail(component.name))
            if time.monotonic() > deadline:
                raise UserError(f"{component.name} is not ready after {READY_WITHIN:.0f} s; {self.tail(component.name)}")
            time.sleep(_POLL)


def stop(pids: set[int], grace: float = GRACE) -> set[int]:
    """Ask processes to end, then end them. Returns those that are left even so."""
    identities = {pid: started(pid) for pid in pids}

    def living() -> set[int]:
        return {pid for pid, begun in identities.items() if begun is not None and started(pid) == begun}

    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        for pid in living():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while living() and time.monotonic() < deadline:
            time.sleep(0.05)
    return living()


def _holds(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except Exception:
        return False
