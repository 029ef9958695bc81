"""What is asked of the machine, and what it gets back."""

import os
from pathlib import Path

import pytest

from local.cluster import cgroups, host, preflight
from local.cluster.names import Layout
from local.errors import UserError
from local.progress import Progress


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("sys/kernel", "run", "logs", "var/plugins"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys/kernel/panic").write_text("1\n")
    monkeypatch.setattr(host, "_SYSCTL", tmp_path / "sys")
    monkeypatch.setattr(host, "_BEFORE", tmp_path / "run" / "before.json")
    monkeypatch.setattr(host, "RUNTIME_FOLDERS", tmp_path / "run")
    monkeypatch.setattr(host, "_LOGS", tmp_path / "logs")
    monkeypatch.setattr(host, "_NAMESPACES", tmp_path / "netns")
    monkeypatch.setattr(host, "_FOLDERS", (tmp_path / "logs", tmp_path / "var/plugins", tmp_path / "var"))
    return tmp_path


def test_the_last_cluster_gives_the_machine_its_settings_back(machine: Path) -> None:
    layout = Layout("one", machine / "clusters")
    host.record()
    (machine / "sys/kernel/panic").write_text("10")
    # A second cluster finds the first one's setting, and must not take it for the machine's own.
    host.record()
    (machine / "run" / "td-00000000").mkdir()
    host.restore(layout)
    assert (machine / "sys/kernel/panic").read_text() == "10"
    (machine / "run" / "td-00000000").rmdir()
    host.restore(layout)
    assert (machine / "sys/kernel/panic").read_text() == "1"
    assert not (machine / "run" / "before.json").exists()
    assert not (machine / "var").exists()


def test_a_cluster_gets_the_inotify_instances_that_it_needs_and_gives_them_back(machine: Path) -> None:
    limit = machine / "sys/fs/inotify/max_user_instances"
    host.record()  # by a cluster of a version that did not know of it
    limit.parent.mkdir(parents=True)
    limit.write_text("128\n")
    host.record()
    assert limit.read_text() == "1024"
    host.record()
    host.restore(Layout("one", machine / "clusters"))
    assert limit.read_text() == "128"
    limit.write_text("8192")
    host.record()
    assert limit.read_text() == "8192", "more than that is left alone"


def test_another_runtimes_files_stay(machine: Path) -> None:
    layout = Layout("one", machine / "clusters")
    ours = machine / "logs" / "ours.log"
    ours.symlink_to(layout.pods / "logs" / "x")
    theirs = machine / "logs" / "theirs.log"
    theirs.symlink_to("/somewhere/else")
    host.restore(layout)
    assert not ours.is_symlink()
    assert theirs.is_symlink()


def test_an_ordinary_user_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="has to be started as root"):
        preflight.check(Layout("one", tmp_path), Progress(write=lambda text: None, tty=False))


def test_what_is_made_is_for_other_users_too_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "kernel_faults", lambda: [])
    monkeypatch.setattr(preflight, "room_faults", lambda layout: [])
    monkeypatch.setattr(preflight.debian, "ensure", lambda names, progress: None)
    before = os.umask(0o077)
    try:
        preflight.check(Layout("one", tmp_path), Progress(write=lambda text: None, tty=False))
        (tmp_path / "made").mkdir()
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o755


def test_a_group_is_made_in_every_hierarchy_and_removed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for controller in ("cpuset", "pids"):
        (tmp_path / controller).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    monkeypatch.setattr(cgroups, "hierarchies", lambda: {tmp_path / "cpuset": False, tmp_path / "pids": False})
    cgroups.create("td-1")
    # Processes are told apart where a new group takes them as it is.
    assert (tmp_path / "pids" / "td-1" / "system").is_dir()
    assert not (tmp_path / "cpuset" / "td-1" / "system").exists()
    (tmp_path / "pids" / "td-1" / "system" / "cgroup.procs").write_text("12\n13\n")
    (tmp_path / "cpuset" / "td-1" / "cgroup.procs").write_text("14\n0\n")
    assert cgroups.pids("td-1") == {12, 13, 14}
    for procs in tmp_path.rglob("cgroup.procs"):
        procs.unlink()
    cgroups.remove("td-1")
    assert not (tmp_path / "pids" / "td-1").exists()
