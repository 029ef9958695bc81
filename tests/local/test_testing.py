"""How two runs of the end-to-end tests share modules, and the copy of the checkout for the second one."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import machine, memory, second_machine, testing, tools
from local.paths import ROOT
from local.progress import Progress
from tests.e2e import lane
from tests.e2e.lane import with_following


def _items() -> Any:
    return [
        SimpleNamespace(path=Path(f"test_{module}.py"), name=f"{module}{number}") for module in "abc" for number in (1, 2)
    ]


def test_two_runs_share_all_modules_and_the_longest_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "LONGEST", ("test_c.py", "test_left_out_by_a_choice_of_tests.py", "test_b.py"))
    first, second = lane.claimed(_items(), tmp_path), lane.claimed(_items(), tmp_path)
    begun = [next(first).name, next(second).name]
    assert begun == ["c1", "b1"]
    assert [item.name for item in first] == ["c2", "a1", "a2"]
    assert [item.name for item in second] == ["b2"]


def test_what_can_go_on_beside_another_run_is_taken_last_by_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LONGEST", ("test_b.py",))
    monkeypatch.setattr(lane, "APART", ("test_a.py", "test_left_out_by_a_choice_of_tests.py"))
    first, apart = lane.claimed(_items(), tmp_path), lane.claimed(_items(), tmp_path, apart=True)
    assert next(first).name == "b1"
    assert [item.name for item in apart] == ["a1", "a2"]
    assert [item.name for item in first] == ["b2", "c1", "c2"]
    (tmp_path / "test_a.py").unlink()
    assert [item.name for item in lane.claimed(_items(), tmp_path)] == ["a1", "a2"], "where nobody has come to them"


def test_the_named_modules_are_there_each_once() -> None:
    named = [*lane.LONGEST, *lane.APART]
    assert set(named) <= {path.name for path in (ROOT / "tests/e2e").glob("test_*.py")}
    assert len(set(named)) == len(named)


def test_each_test_is_told_the_next_one() -> None:
    assert list(with_following("abc")) == [("a", "b"), ("b", "c"), ("c", None)]
    assert list(with_following([])) == []


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    for name in ("local/cluster/up.py", "local/cluster/__pycache__/up.pyc", ".local/cluster/state", ".venv/bin/python"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    monkeypatch.setattr(second_machine, "ROOT", root)
    monkeypatch.setattr(second_machine, "FOLDER", root / ".local" / "beside")
    monkeypatch.setattr(second_machine, "LOG", root / ".local" / "beside.log")
    return root


def test_the_copy_has_the_sources_and_nothing_of_the_first_machine(checkout: Path) -> None:
    second_machine.copy()
    copied = checkout / ".local" / "beside"
    found = {str(path.relative_to(copied)) for path in copied.rglob("*") if path.is_file() and ".venv" not in path.parts}
    assert found == {"local/cluster/up.py"}
    assert (copied / ".venv").resolve() == checkout / ".venv"


def test_a_copy_in_which_a_machine_may_run_is_not_overwritten(checkout: Path) -> None:
    second_machine.copy()
    state = checkout / ".local" / "beside" / ".local" / "cluster"
    state.mkdir(parents=True)
    with pytest.raises(FileExistsError):
        second_machine.copy()
    assert state.is_dir()


def test_down_removes_the_copy_once_its_own_down_has_succeeded(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second_machine.copy()
    (checkout / ".local" / "beside.log").write_text("the cluster does not end")
    codes = iter([1, 0])
    monkeypatch.setattr(second_machine, "run", lambda *arguments: next(codes))
    quiet = Progress(write=lambda text: None, tty=False)
    with pytest.raises(second_machine.UserError, match="the cluster does not end"):
        second_machine.down(quiet)
    assert (checkout / ".local" / "beside").is_dir()
    second_machine.down(quiet)
    assert not (checkout / ".local" / "beside").exists()
    second_machine.down(quiet)


MODULE = """
import pytest

@pytest.fixture(scope="module")
def made(log):
    log("make {name}")
    yield
    log("remove {name}")

@pytest.mark.parametrize("number", [1, 2])
def test_it(made, log, number):
    log(f"{name}{{number}}")
"""
CONFTEST = """
import pathlib
import pytest
from tests.e2e.conftest import pytest_addoption, pytest_runtestloop

@pytest.fixture(scope="session")
def log(request):
    lines = []
    yield lines.append
    pathlib.Path("log").write_text(" ".join([*lines, "end"]))
"""


def test_pytest_runs_what_nobody_has_claimed_and_removes_each_modules_fixtures(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_text(MODULE.replace("{name}", name).replace("{{number}}", "{number}"))
    (tmp_path / "conftest.py").write_text(CONFTEST)
    claims = tmp_path / "claims"
    claims.mkdir()
    (claims / "test_b.py").touch()
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", f"--claims={claims}"]
    answer = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert "4 passed" in answer.stdout, answer.stdout + answer.stderr
    assert (tmp_path / "log").read_text() == "make a a1 a2 remove a make c c1 c2 remove c end"


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `make test` runs, in order, where each command succeeds at once; `unit` fails if the test says so."""
    begun: list[str] = []

    def note(*command: Any, **rest: Any) -> Any:
        words = [str(word) for word in command]
        place = "second: " if rest.get("second") else "apart: " if "--apart" in words else ""
        named = {"not e2e and not conformance": "unit", "e2e": "e2e", "conformance": "conformance", "up": "up"}
        begun.append(place + next(name for word, name in named.items() if word in words))
        failing = begun[-1] in os.environ.get("FAILING", "").split(",")
        return SimpleNamespace(returncode=3 if failing else 0)

    monkeypatch.setattr(testing.subprocess, "run", lambda command, **rest: note(*command))
    monkeypatch.setattr(second_machine, "run", lambda *command: note(*command, second=True).returncode)
    monkeypatch.setattr(second_machine, "copy", lambda: (tmp_path / "LOG").touch())
    monkeypatch.setattr(second_machine, "down", lambda progress: begun.append("second: down"))
    monkeypatch.setattr(machine, "down", lambda progress: begun.append("down"))
    monkeypatch.setattr(testing.debian, "ensure", lambda *what: None)
    monkeypatch.setattr(testing.Cluster, "running", lambda self: False)
    monkeypatch.setattr(memory, "installed", lambda: testing.MEMORY_OF_TWO)
    for log in ("UP_LOG", "CONFORMANCE_LOG", "APART_LOG"):
        monkeypatch.setattr(testing, log, tmp_path / log)
    monkeypatch.setattr(second_machine, "LOG", tmp_path / "LOG")
    (tmp_path / "UP_LOG").touch()
    return begun


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "compiled", lambda name: True)


@pytest.mark.usefixtures("compiled")
def test_clusters_start_beside_the_tests_that_need_none(commands: list[str]) -> None:
    assert testing.main([]) == 0
    assert commands[0] == "second: down"
    assert set(commands[1:4]) == {"unit", "up", "second: up"}
    assert set(commands[4:]) == {"conformance", "e2e", "apart: e2e", "second: e2e", "second: down", "down"}
    assert commands.index("second: e2e") < commands.index("second: down", 1), "once its tests have ended"
    assert commands[-2:] == ["second: down", "down"]


def test_what_has_to_be_compiled_first_waits_for_them(commands: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "compiled", lambda name: name != "etcd")
    assert testing.main([]) == 0
    assert commands[1] == "unit"
    assert set(commands[2:4]) == {"up", "second: up"}


@pytest.mark.usefixtures("compiled")
def test_a_choice_of_tests_runs_on_one_machine(commands: list[str]) -> None:
    assert testing.main(["-k", "webhook"]) == 0
    assert {name for name in commands if "second" in name} == {"second: down"}
    assert {"unit", "up", "e2e", "conformance"} <= set(commands)
    assert "apart: e2e" not in commands


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("failing", ["unit", "up", "second: up", "e2e", "apart: e2e", "second: e2e", "conformance"])
def test_every_failure_is_one_of_the_whole(commands: list[str], failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILING", failing)
    assert testing.main([]) == 3
    assert ("e2e" in commands) == (failing not in ("unit", "up"))
    assert commands[-2:] == ["second: down", "down"]


def test_what_needs_a_cluster_can_be_set_up() -> None:
    """A fixture that hides another one, or is gone, shows an hour after the tests have begun otherwise."""
    command = [sys.executable, "-m", "pytest", "--setup-plan", "-q", "-p", "no:cacheprovider", "-m", "e2e or conformance"]
    answer = subprocess.run([*command, "tests/e2e", "tests/conformance"], cwd=ROOT, capture_output=True, text=True)
    told = [line for line in answer.stdout.splitlines() if line.startswith(("ERROR", "E "))]
    assert told == [], answer.stdout[-2000:] + answer.stderr
    assert answer.stdout.splitlines()[-1].startswith("no tests ran"), answer.stdout[-500:]
