"""`make up` where it cannot work: one clear error at the start, and nothing half-made."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

import local.__main__ as command
from local import debian, go, machine, tools
from local.cluster import cluster, names, preflight
from local.cluster.names import DEFAULT_NAME, Layout
from local.errors import UserError
from local.paths import ROOT
from local.progress import Progress

Fail = Callable[[], str]


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fail:
    """Run `make up` in an empty checkout; its error. Whatever it would make on the way there fails the test."""

    def forbidden(*arguments: object, **named: object) -> None:
        pytest.fail(f"something was made before the error: {arguments}")

    tmp_path.chmod(0o755)
    layout = Layout(DEFAULT_NAME, tmp_path / "clusters")
    monkeypatch.setattr(cluster, "Layout", lambda name: layout)
    monkeypatch.setattr(preflight, "folder_faults", lambda state: [])
    monkeypatch.setattr(cluster.Cluster, "up", forbidden)
    monkeypatch.setattr(tools, "_compile", forbidden)
    monkeypatch.setattr(machine.build, "ensure", forbidden)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def run() -> str:
        assert command.main(["up"]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
        assert list(tmp_path.rglob("*")) == []
        return printed.err.removeprefix("error: ")

    return run


def test_not_root(up: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert up() == "The embedded cluster has to be started as root: it makes a network namespace and mounts.\n"


def test_no_go_and_no_way_to_install_one(up: Fail, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    which = shutil.which
    # Without the pinned one that an earlier run has fetched.
    monkeypatch.setattr(go, "CACHE", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name, **named: None if name in ("go", "apt-get") else which(name, **named))
    assert up() == (
        "Missing on this machine:\n"
        "  golang-go: any Go fetches the pinned one, by which the cluster's tools are compiled\n"
        "Install them and try again:\n"
        "  apt-get install golang-go\n"
    )


def test_a_missing_debian_package_that_cannot_be_installed(up: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **named: None if name in ("iptables", "apt-get") else "/bin/true")
    assert up() == (
        "Missing on this machine:\n"
        "  iptables: Services (kube-proxy) inside that namespace\n"
        "Install them and try again:\n"
        "  apt-get install iptables\n"
    )


def test_a_package_that_apt_does_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(debian.PACKAGES, "gone", debian.Package("it has to be there", "/nowhere/at-all"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    refusal = subprocess.CompletedProcess([], 100, stderr="E: Unable to locate package gone\n")
    monkeypatch.setattr(debian.subprocess, "run", lambda *arguments, **named: refusal)
    with pytest.raises(UserError) as raised:
        debian.ensure(["gone"], Progress(write=lambda text: None, tty=False))
    assert str(raised.value).splitlines()[:3] == [
        "apt-get could not install",
        "  gone: it has to be there",
        "E: Unable to locate package gone",
    ]


def test_a_disk_without_room_for_a_cluster(up: Fail, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**9, 10**9))
    first, *faults = up().splitlines()
    assert first == "The embedded cluster cannot run here:"
    assert f"  1.0 GB are free under {tmp_path}, and a cluster needs 4 GB" in faults


def test_everything_that_is_wrong_with_the_machine_is_said_at_once(up: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "kernel_faults", lambda: ["the kernel has no network namespaces"])
    monkeypatch.setattr(preflight, "room_faults", lambda layout: ["1.0 GB are free"])
    assert up().splitlines()[1:] == ["  the kernel has no network namespaces", "  1.0 GB are free"]


@pytest.mark.parametrize("left", [True, False])
def test_down_finds_pods_files_whose_checkout_has_lost_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    removed: list[str] = []

    class Recorder:
        def __init__(self, name: str) -> None:
            self.name = name

        def down(self, progress: Progress) -> None:
            removed.append(self.name)

    monkeypatch.setattr(names, "POD_FOLDERS", tmp_path)
    monkeypatch.setattr(machine, "CLUSTERS", tmp_path / "gone")
    monkeypatch.setattr(machine, "Cluster", Recorder)
    monkeypatch.setattr(machine.second_machine, "down", lambda progress: None)
    monkeypatch.setattr(machine.shutil, "rmtree", lambda folder, ignore_errors: None)
    if left:
        Layout(DEFAULT_NAME).pods.mkdir()
    machine.down(Progress(write=lambda text: None, tty=False))
    assert removed == ([DEFAULT_NAME] if left else [])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("deliverOn: merge", "deliverOn: never", 'environments[0].deliverOn = "never": must be `pull-request` or `merge`'),
        ("deliverOn:", "delivers:", "environments[0].delivers: unknown key; did you mean `deliverOn`?"),
        ("config:", "config: [", "Pulumi.production.yaml is no YAML"),
    ],
)
def test_a_broken_stack_file(up: Fail, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str) -> None:
    read = Path.read_bytes

    def broken(path: Path) -> bytes:
        content = read(path)
        return content.replace(old.encode(), new.encode()) if path.name == "Pulumi.production.yaml" else content

    monkeypatch.setattr(Path, "read_bytes", broken)
    assert message in up()


def test_the_network_of_a_cluster_is_taken_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipaddress import IPv4Network

    from local.cluster import network
    from local.cluster.names import EMBEDDED

    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(network, "_ip", lambda *arguments: made.append(arguments))
    monkeypatch.setattr(network, "routed", lambda: [IPv4Network("10.0.0.0/8")])
    monkeypatch.setattr(network.Namespace, "delete", lambda self: None)
    with pytest.raises(UserError, match=r"^The cluster's network 10\.199\.4\.8/30 is in use .* \(route to 10\.0\.0\.0/8\)"):
        network.Namespace("td-00000000").create(network.Link(IPv4Network("10.199.4.8/30")), EMBEDDED)
    assert made == []


def test_the_command_itself_prints_no_traceback() -> None:
    environment = {**os.environ, "PATH": "/nowhere"}
    answer = subprocess.run(
        [sys.executable, "-m", "local.cluster", "up", "--name", "Not-A-Name"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: A cluster cannot be called 'Not-A-Name'")
    assert len(answer.stderr.splitlines()) == 1
