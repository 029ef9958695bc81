"""What steps in Python run: the modules of `steps/`, as they are, and nothing else that lies in their place."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components import sources
from components.tasks import python
from tests.support import Declared

# A ConfigMap takes 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/).
LARGEST = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The modules as a pod has them: links to what lies in a folder of one version."""
    there = tmp_path / "steps"
    (there / "..version").mkdir(parents=True)
    (there / "..data").symlink_to("..version")
    for name, text in sources.data().items():
        (there / "..version" / name).write_text(text)
        (there / name).symlink_to(f"..data/{name}")
    return there


def run(folder: Path, step: str, digest: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    loader = python.LOADER.replace(f'"{sources.FOLDER}"', repr(str(folder)))
    command = [sys.executable, *python.COMMAND[1:-1], loader, step, digest or sources.digest()]
    return subprocess.run(command, env=env, cwd=folder.parent, capture_output=True, text=True)


def test_every_environment_has_them(stack: Declared) -> None:
    found = [item for item in stack.all("ConfigMap") if item["metadata"]["name"] == sources.config_map()]
    assert {item["metadata"]["namespace"] for item in found} == {item["metadata"]["namespace"] for item in stack.all("Task")}
    for item in found:
        assert item["immutable"] is True
        assert item["data"] == {path.name: path.read_text() for path in sources.SOURCES.glob("*.py")}


def test_they_fit_into_a_config_map() -> None:
    assert sum(len(name) + len(text.encode()) for name, text in sources.data().items()) < LARGEST / 2


def test_a_step_runs(folder: Path) -> None:
    ended = run(folder, "announce")
    assert ended.returncode == 1
    assert ended.stderr == "error: the variable API_URL is not given\n"


@pytest.mark.parametrize("change", ["changed", "added", "removed", "swapped"])
def test_nothing_runs_that_the_task_does_not_name(folder: Path, change: str) -> None:
    data = folder / "..version"
    if change == "changed":
        (data / "inputs.py").write_text("print('pwned')\n" + (data / "inputs.py").read_text())
    elif change == "added":
        (folder / "json.py").write_text("print('pwned')\n")
    elif change == "removed":
        (folder / "lease.py").unlink()
    else:
        (data / "run.py").rename(data / "kept")
        shutil.copy(data / "git.py", data / "run.py")
    ended = run(folder, "announce")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "error: `pulumi up` has replaced the program since this run began; start the run again\n"


def test_a_pod_without_them_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for there in (tmp_path / "empty", tmp_path / "nothing"):
        assert run(there, "announce").stderr.startswith("error: `pulumi up` has replaced the program")


def test_nothing_beside_them_is_imported(folder: Path) -> None:
    for name in ("json.py", "hashlib.py", "os.py"):
        (folder.parent / name).write_text("print('pwned')\n")
    (folder / "steps").mkdir()
    (folder / "steps" / "__init__.py").write_text("print('pwned')\n")
    assert "pwned" not in run(folder, "announce", PYTHONPATH=str(folder.parent)).stdout
