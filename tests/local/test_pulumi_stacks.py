"""Pulumi on the embedded cluster."""

import os
import subprocess
import time
from pathlib import Path

from local import pulumi_stacks


def test_where_the_cli_would_write_its_logs_is_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    (home / "logs" / "pulumi-1.log").write_text("much")
    for _ in range(2):
        pulumi_stacks.without_logs(home)
        assert (home / "logs").is_file()


def test_what_a_killed_cli_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    def left(home: Path) -> int:
        """A process whose parent has ended."""
        command = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
        variables = os.environ | {"PULUMI_HOME": str(home)}
        return int(subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=True).stdout)

    def runs(pid: int) -> bool:
        return Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() != b""

    ours, others = left(tmp_path / "home"), left(tmp_path / "home-of-another")
    attended = subprocess.Popen(["sleep", "60"], env=os.environ | {"PULUMI_HOME": str(tmp_path / "home")})
    try:
        deadline = time.monotonic() + 10
        while pulumi_stacks.end_orphans(tmp_path / "home") == 0 and time.monotonic() < deadline:
            time.sleep(0.05)  # until it is an orphan
        while runs(ours) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not runs(ours)
        assert runs(others)
        assert attended.poll() is None
    finally:
        attended.kill()
        attended.wait()
        os.kill(others, 15)
