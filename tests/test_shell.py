"""shellcheck has nothing to say about the steps' scripts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.tasks.step import SCRIPTS

FILES = sorted(SCRIPTS.glob("*"))


def test_scripts_are_posix_and_clean() -> None:
    beside_python = Path(sys.executable).parent / "shellcheck"
    shellcheck = str(beside_python) if beside_python.exists() else shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [shellcheck, "--shell=sh", "--severity=style", *map(str, FILES)], capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_script_stops_at_its_first_failure_and_never_shows_its_commands(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[1].startswith("# "), "what it does"
    assert "set -eu" in lines
    assert not [line for line in lines if line.lstrip().startswith("set -x") or "xtrace" in line]
