"""What the images are made from: scripts, account files, the seccomp profile and process 1."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from images.recipes import BASE_FILES, BUILDER_FILES, HERE, PAUSE_SOURCE, RUN_DELIVERED_SOURCE, TOOLS, USER

SCRIPTS = [BUILDER_FILES / "usr/bin/buildkit-runc", HERE / "bases/docker-entrypoint.sh"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_pass_shellcheck(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert shellcheck, "shellcheck comes with the dev dependencies: uv sync"
    result = subprocess.run([shellcheck, "--shell=sh", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("files", [TOOLS / "files", BASE_FILES], ids=["tools", "base"])
def test_the_images_know_their_user(files: Path) -> None:
    users = [line.split(":") for line in (files / "etc/passwd").read_text().splitlines()]
    groups = [line.split(":") for line in (files / "etc/group").read_text().splitlines()]
    uid, gid = USER.split(":")
    assert [user[3] for user in users if user[2] == uid] == [gid]
    assert gid in [group[2] for group in groups]
    assert "0" in [user[2] for user in users]


def runc_gets(tmp_path: Path, *arguments: str) -> list[str]:
    """What the wrapper in the builder image makes of BuildKit's call."""
    runc = tmp_path / "runc"
    runc.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    runc.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": "/storage/run"}
    wrapper = BUILDER_FILES / "usr/bin/buildkit-runc"
    return subprocess.run([wrapper, *arguments], env=env, capture_output=True, text=True, check=True).stdout.splitlines()


def test_runc_makes_no_keyring_and_writes_where_the_step_may(tmp_path: Path) -> None:
    root = ["--root", "/storage/run/runc"]
    assert runc_gets(tmp_path, "--log", "a b", "run", "--bundle", "run", "create") == [
        *root, "--log", "a b", "run", "--no-new-keyring", "--bundle", "run", "create",
    ]  # fmt: skip
    assert runc_gets(tmp_path, "create", "x") == [*root, "create", "--no-new-keyring", "x"]
    assert runc_gets(tmp_path, "delete", "x") == [*root, "delete", "x"]


def test_the_seccomp_profile_refuses_what_reaches_the_host_and_allows_what_builds_need() -> None:
    profile = json.loads((HERE / "seccomp/image-build.json").read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    refused = {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ERRNO" for name in rule["names"]}
    assert {"bpf", "kexec_load", "init_module", "finit_module", "ptrace", "keyctl", "clock_settime", "reboot"} <= refused
    assert not refused & {"unshare", "clone", "clone3", "mount", "umount2", "chroot", "setns", "pivot_root", "setgroups"}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the pause image; make up installs it")
def test_process_one_reaps_and_ends_on_term(tmp_path: Path) -> None:
    binary = tmp_path / "pause"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-Os", "-o", binary, PAUSE_SOURCE], check=True)
    # A shell that becomes `pause` leaves it a child, which then ends.
    process = subprocess.Popen(["sh", "-c", f"sleep 0.2 & exec {binary}"])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert _eventually(lambda: bool(children.read_text()))
    assert _eventually(lambda: not children.read_text()), "the ended child was not reaped"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the tools image; make up installs it")
def test_a_command_runs_as_it_is_unless_the_placeholder_is_there(tmp_path: Path) -> None:
    placeholder, text = tmp_path / "serve-placeholder", RUN_DELIVERED_SOURCE.read_text()
    assert text.count("/usr/bin/serve-placeholder") == 1
    binary, source = tmp_path / "run", tmp_path / "run.c"
    source.write_text(text.replace("/usr/bin/serve-placeholder", str(placeholder)))
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-Os", "-o", binary, source], check=True)

    def started(*command: str) -> tuple[int, str]:
        done = subprocess.run([binary, *command], capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    (tmp_path / "inside").write_text("#!/bin/sh\necho inside\n")
    (tmp_path / "inside").chmod(0o755)
    assert started("sh", "-c", 'echo "$0"; exit 3', "a  b") == (3, "a  b\n"), "by the image's PATH, exit code and all"
    assert started("./inside") == (0, "inside\n"), "below the image's working directory"
    assert started("no-such-command") == (127, "no-such-command: No such file or directory\n")
    assert started(str(tmp_path)) == (126, f"{tmp_path}: Permission denied\n")
    placeholder.write_text("#!/bin/sh\necho nothing delivered $#\n")
    placeholder.chmod(0o755)
    assert started("sh", "-c", "exit 3") == (0, "nothing delivered 0\n")


def _eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
