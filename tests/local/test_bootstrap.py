"""How `make install` gets its uv on a machine that has little."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

# What each of them does is decided by files beside them.
PYTHON = """#!/bin/sh
here=$(dirname "$0")
uv() { mkdir -p .local/uv/bin && printf '#!/bin/sh\\nmkdir -p .venv\\n' >.local/uv/bin/uv && chmod +x .local/uv/bin/uv; }
case "$*" in
"-m venv"*)
    [ -e "$here/has-venv" ] || { echo "ensurepip is not available" >&2; exit 1; }
    mkdir -p .local/uv/bin
    printf '#!/bin/sh\\n%s/python3 made\\n' "$here" >.local/uv/bin/pip
    chmod +x .local/uv/bin/pip ;;
"-m pip --version") [ -e "$here/has-pip" ] ;;
made | "-m pip install"*" --target .local/uv "*) uv ;;
*) exit 9 ;;
esac
"""
APT = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/apt-calls"
[ "$1" != install ] || touch "$here/has-venv"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "a checkout" / "local").mkdir(parents=True)
    shutil.copy(ROOT / "local" / "bootstrap.sh", tmp_path / "a checkout" / "local")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "mkdir", "tail", "touch", "rm", "chmod"):
        (programs / name).symlink_to(shutil.which(name) or name)
    write(programs / "python3", PYTHON)
    write(programs / "id", "#!/bin/sh\necho 0\n")
    return programs


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def install(programs: Path) -> "subprocess.CompletedProcess[str]":
    command = [programs.parent / "a checkout" / "local" / "bootstrap.sh"]
    answer = subprocess.run(command, env={"PATH": str(programs)}, cwd="/", capture_output=True, text=True)
    assert (answer.returncode == 0) == (programs.parent / "a checkout" / ".venv" / ".complete").exists()
    return answer


def test_a_python_with_venv_is_enough(machine: Path) -> None:
    (machine / "has-venv").touch()
    write(machine / "apt-get", APT)
    assert install(machine).returncode == 0
    assert not (machine / "apt-calls").exists()


def test_root_gets_debians_package(machine: Path) -> None:
    write(machine / "apt-get", APT)
    assert install(machine).returncode == 0
    assert (machine / "apt-calls").read_text().splitlines() == [
        "update",
        "install --yes --no-install-recommends python3-venv",
    ]


@pytest.mark.parametrize("missing", ["root", "apt-get", "package"])
def test_pip_is_enough_where_no_package_can_be_installed(machine: Path, missing: str) -> None:
    (machine / "has-pip").touch()
    if missing != "apt-get":
        write(machine / "apt-get", APT if missing == "root" else "#!/bin/sh\nexit 100\n")
    if missing == "root":
        write(machine / "id", "#!/bin/sh\necho 1000\n")
    assert install(machine).returncode == 0
    assert not (machine / "apt-calls").exists()


def test_with_neither_there_is_one_error(machine: Path) -> None:
    answer = install(machine)
    assert answer.returncode == 1
    assert answer.stderr.splitlines() == [
        "ensurepip is not available",
        "error: python3 can make no virtual environment and has no pip, and uv is not on PATH. "
        "Install one of them: apt-get install python3-venv",
    ]
