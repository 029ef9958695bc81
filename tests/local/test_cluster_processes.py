"""Whose process a pid is, and when a component is started anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.cluster.names import Layout
from local.cluster.network import Namespace
from local.cluster.processes import Component, Processes, StoppedError, started, stop


class Here(Namespace):
    """No namespace: commands run as they are."""

    def enter(self) -> list[str]:
        return []


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    monkeypatch.setattr("local.cluster.cgroups.adopt", lambda identity, pid: None)
    (tmp_path / "one").mkdir()
    return Processes(Layout("one", tmp_path), Here("one"))


def sleeper(*, ready: bool = True, seconds: str = "60") -> Component:
    return Component("sleeper", ("sleep", seconds), lambda: ready)


def test_a_started_component_is_found_again_and_stopped(processes: Processes) -> None:
    processes.ensure(sleeper())
    process = processes.find("sleeper")
    assert process is not None
    processes.ensure(sleeper())
    assert processes.find("sleeper") == process
    assert processes.current(sleeper())
    processes.stop("sleeper")
    assert not process.alive()
    assert processes.find("sleeper") is None
    assert processes.known() == []


def test_a_changed_argument_starts_it_anew(processes: Processes) -> None:
    processes.ensure(sleeper())
    before = processes.find("sleeper")
    assert not processes.current(sleeper(seconds="61"))
    processes.ensure(sleeper(seconds="61"))
    after = processes.find("sleeper")
    assert before is not None
    assert after is not None
    assert before.pid != after.pid
    processes.stop("sleeper")


def test_a_changed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("a")
    component = Component("c", ("true",), lambda: True, files=(config,))
    before = component.fingerprint()
    config.write_text("b")
    assert component.fingerprint() != before


def test_a_pid_that_another_process_has_by_now_is_not_ours(processes: Processes, tmp_path: Path) -> None:
    mine = started(os.getpid())
    assert mine is not None
    folder = tmp_path / "one" / "pids"
    folder.mkdir(parents=True)
    boot, _, ticks = mine.rpartition("/")
    for begun in (f"{boot}/{int(ticks) - 1}", f"00000000-0000-0000-0000-000000000000/{ticks}"):
        (folder / "sleeper.pid").write_text(f"{os.getpid()} {begun} 0123456789abcdef\n")
        assert processes.find("sleeper") is None
        processes.stop("sleeper")
    (folder / "sleeper.pid").write_text(f"{os.getpid()} {mine} 0123456789abcdef\n")
    assert processes.find("sleeper") is not None


def test_a_half_written_pid_file_is_no_process(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "one" / "pids").mkdir()
    (tmp_path / "one" / "pids" / "sleeper.pid").write_text("12")
    assert processes.find("sleeper") is None


def test_a_component_that_ends_is_reported_with_the_end_of_its_log(processes: Processes) -> None:
    script = "for i in $(seq 20); do echo line $i; done; echo the reason >&2; exit 3"
    with pytest.raises(StoppedError) as raised:
        processes.ensure(Component("broken", ("sh", "-c", script), lambda: False))
    message = str(raised.value)
    assert message.startswith("broken has stopped; the end of ")
    assert message.endswith("  the reason")
    assert "line 7\n" in message
    assert "line 6\n" not in message


def test_a_killed_process_is_there_until_its_last_thread_is_gone() -> None:
    leave = "import ctypes, threading as t; t.Thread(target=input).start(); ctypes.CDLL(None).pthread_exit(None)"
    with subprocess.Popen([sys.executable, "-c", leave], stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 10
        while (state := Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]) != "Z":
            assert time.monotonic() < deadline, state
            time.sleep(0.01)
        assert started(process.pid) is not None
        process.kill()
    assert started(process.pid) is None


@pytest.mark.parametrize(
    ("ending", "panicked"),
    [
        ("main.main()\n  \tgo.etcd.io/etcd/server/v3@v3.7.3/main.go:31 +0x28", True),
        ("runtime.goexit({})\n  \truntime/asm_amd64.s:1771 +0x1 fp=0x30698870bfe8 sp=0x30698870bfe0 pc=0x4954e1", True),
        (
            '{"level":"fatal","msg":"discovery failed","error":"listen tcp 127.0.0.1:2380: address already in use"}',
            False,
        ),
    ],
)
def test_a_panic_is_told_from_an_error(ending: str, panicked: bool) -> None:
    assert StoppedError("etcd", f"the end of the log:\n  {ending}").panicked is panicked


def test_a_component_that_does_not_get_ready_is_reported(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.cluster.processes.READY_WITHIN", 0.2)
    with pytest.raises(Exception, match="sleeper is not ready after 0 s"):
        processes.ensure(sleeper(ready=False))
    processes.stop("sleeper")


def test_an_exception_of_the_check_means_not_ready(processes: Processes) -> None:
    answers = iter([ConnectionError(), None])

    def ready() -> bool:
        error = next(answers)
        if error:
            raise error
        return True

    processes.ensure(Component("sleeper", ("sleep", "60"), ready))
    processes.stop("sleeper")


def test_what_ignores_the_polite_signal_is_killed() -> None:
    with subprocess.Popen(["sh", "-c", "trap '' TERM; echo set; sleep 60"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert stop({process.pid}, grace=0.1) == set()
        process.returncode = -signal.SIGKILL
