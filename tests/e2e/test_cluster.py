"""The embedded cluster itself, on a second one of this checkout: `local` runs on beside it and is not touched.

The tests run in the order of this file, and the last one removes the cluster.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from kubernetes import client

from images import build
from local import machine, tools
from local.cluster import Cluster
from local.cluster.archives import reference
from local.cluster.names import DEFAULT_NAME, IMAGES, SHELL
from local.cluster.network import Namespace
from local.cluster.processes import started
from local.demo import PORTS
from local.errors import UserError
from local.kubernetes_api import Kubernetes, wait_until
from local.machine import Machine
from local.progress import Progress
from tests.e2e.traces import traces

NAME = "scratch"
POD = "sleeper"
RECORD = "written-before"


@dataclass
class Scratch:
    """The second cluster, and what the host looked like without it."""

    cluster: Cluster
    archives: dict[str, Path]
    before: dict[str, set[str]]
    seconds: float = 0.0

    def up(self) -> list[str]:
        """Run `up`; the steps that it took."""
        lines: list[str] = []
        begun = time.monotonic()
        self.cluster.up(Progress(write=lines.append, tty=False), self.archives)
        self.seconds = time.monotonic() - begun
        return lines

    def pids(self) -> dict[str, str]:
        return self.cluster.status()

    def pid(self, component: str) -> int:
        return int((self.cluster.layout.pids / f"{component}.pid").read_text().split()[0])

    @property
    def api(self) -> Kubernetes:
        return Kubernetes(self.cluster.kubeconfig)

    def pod_runs(self) -> bool:
        pod = self.api.core.read_namespaced_pod(POD, "default")
        return bool(pod.status.phase == "Running" and pod.status.container_statuses[0].ready)

    def record(self) -> str:
        """Something that only etcd remembers."""
        return str(self.api.core.read_namespaced_config_map(RECORD, "default").metadata.uid)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Scratch]:
    progress = Progress(write=lambda text: None, tty=False)
    cluster = Cluster(NAME)
    # What an interrupted test left.
    cluster.down(progress)
    images = build.ensure(tools.ensure(build.tools_of(IMAGES), progress), progress, IMAGES)
    made = Scratch(cluster, {name: image.archive for name, image in images.items()}, traces(cluster.layout))
    try:
        made.up()
        made.api.core.create_namespaced_config_map("default", {"metadata": {"name": RECORD}})
        yield made
    finally:
        cluster.down(progress)


def test_two_clusters_have_addresses_of_their_own_and_both_answer(scratch: Scratch, running: Machine) -> None:
    first, second = running.cluster, scratch.cluster
    assert first.node_ip != second.node_ip
    identities = {
        str(api.core.read_namespace("kube-system").metadata.uid) for api in (Kubernetes(first.kubeconfig), scratch.api)
    }
    assert len(identities) == 2, "both kubeconfigs lead to the same cluster"
    for cluster in (first, second):
        response = httpx.get(f"http://{cluster.node_ip}:5000/v2/", timeout=5, trust_env=False)
        assert response.status_code == 401, "the registry is there, and asks who one is"


def test_a_pod_starts_in_the_second_while_the_first_serves(scratch: Scratch, running: Machine) -> None:
    api, pages = scratch.api, set()
    wait_until(lambda: api.core.list_namespaced_service_account("default").items, 20, "no default service account")
    container = {"name": POD, "image": reference(scratch.archives[SHELL]), "command": ["/bin/sleep", "3600"]}
    # It does not react to a polite end, as process 1.
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    api.core.create_namespaced_pod("default", {"metadata": {"name": POD}, "spec": spec})

    def ready() -> bool:
        pages.add(httpx.get(running.url(PORTS["staging"]), timeout=5, trust_env=False).status_code)
        return scratch.pod_runs()

    wait_until(ready, 60, "the pod does not run")
    assert scratch.cluster.layout.state.stat().st_mode & 0o077 == 0, "a pod needs nothing of the checkout"
    assert pages == {200}
    address = api.core.read_namespaced_pod(POD, "default").status.pod_ip
    assert address.startswith("10.244.")
    with pytest.raises(client.ApiException) as missing:
        running.kubernetes.core.read_namespaced_pod(POD, "default")
    assert missing.value.status == 404


def test_a_second_up_changes_nothing(scratch: Scratch) -> None:
    before, first = scratch.pids(), scratch.seconds
    assert len(before) == 10
    assert scratch.up() == [], "no step was necessary"
    assert scratch.pids() == before
    assert scratch.seconds < first / 2


@pytest.mark.parametrize("component", ["etcd", "containerd"])
def test_a_killed_component_comes_back_with_the_same_data(scratch: Scratch, component: str) -> None:
    before, record = scratch.pids(), scratch.record()
    os.kill(scratch.pid(component), signal.SIGKILL)
    wait_until(lambda: not scratch.cluster.running(), 5, f"{component} lives on")
    steps = scratch.up()
    assert any(component in step for step in steps), steps
    assert scratch.cluster.running()
    changed = {name for name, state in scratch.pids().items() if state != before[name]}
    assert changed == {component}, steps
    assert scratch.record() == record
    wait_until(scratch.pod_runs, 30, "the pod does not run any more")
    assert scratch.api.core.read_namespaced_pod(POD, "default").status.container_statuses[0].restart_count == 0


@contextmanager
def occupied(cluster: Cluster, port: int) -> Iterator[None]:
    """Have another program listen on a component's port."""
    script = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True); s.accept(); input()"
    command = [*Namespace(cluster.layout.id).enter(), sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as intruder:
        assert intruder.stdout is not None
        intruder.stdout.readline()
        yield
        intruder.kill()


def test_a_component_that_cannot_start_is_named_with_the_end_of_its_log(scratch: Scratch) -> None:
    scratch.cluster.stop("kube-scheduler")
    with occupied(scratch.cluster, 10259), pytest.raises(UserError) as refused:
        scratch.up()
    message = str(refused.value)
    assert message.startswith(f"kube-scheduler has stopped; the end of {scratch.cluster.layout.logs}/kube-scheduler.log:")
    assert "127.0.0.1:10259: bind: address already in use" in message
    steps = scratch.up()
    assert any("kube-scheduler" in step for step in steps)
    assert scratch.cluster.running()


def test_what_a_reboot_leaves_is_cleared_away_and_the_data_is_kept(scratch: Scratch) -> None:
    layout, record, incarnation = scratch.cluster.layout, scratch.record(), scratch.cluster.incarnation
    # Its mounts and folders are left, which is more than a reboot leaves; so is the file that its namespace was
    # mounted on, as on machines whose /run is on disk.
    pids = {int(line.split()[0]) for line in traces(layout)["processes"]}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(started, pids)), 10, "processes live on")
    namespace = Namespace(layout.id)
    namespace.delete()
    namespace.path.touch()
    assert not scratch.cluster.running()
    scratch.up()
    assert scratch.cluster.running()
    assert scratch.cluster.incarnation == incarnation
    assert scratch.record() == record
    wait_until(scratch.pod_runs, 60, "the pod does not run any more")


def test_pods_files_in_the_checkout_as_an_older_version_had_them_go_and_the_data_is_kept(scratch: Scratch) -> None:
    former, record = scratch.cluster.layout.state / "kubelet" / "pods", scratch.record()
    former.mkdir()
    assert any("Clear away what an earlier run left" in step for step in scratch.up())
    assert not former.exists()
    assert scratch.record() == record
    wait_until(scratch.pod_runs, 60, "the pod does not run any more")
    assert scratch.up() == []


def test_etcd_that_cannot_start_does_not_cost_the_data(scratch: Scratch) -> None:
    record = scratch.record()
    scratch.cluster.stop("etcd")
    with (
        occupied(scratch.cluster, 2380),
        pytest.raises(UserError, match=r"^etcd has stopped; (.|\n)*address already in use"),
    ):
        scratch.up()
    scratch.up()
    assert scratch.record() == record


def test_data_that_cannot_be_read_is_replaced_by_a_new_cluster_that_says_so(scratch: Scratch) -> None:
    incarnation, state = scratch.cluster.incarnation, scratch.cluster.layout.state
    scratch.cluster.stop("etcd")
    with (state / "etcd/member/snap/db").open("r+b") as data:
        data.write(os.urandom(8192))
    assert any("A new cluster scratch replaces it, with nothing in it" in line for line in scratch.up())
    assert scratch.cluster.running()
    assert scratch.cluster.incarnation != incarnation
    with pytest.raises(client.ApiException, match="Not Found"):
        scratch.record()


def test_the_whole_machines_down_covers_every_cluster(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Recorder:
        def __init__(self, name: str = DEFAULT_NAME) -> None:
            self.name = name

        def down(self, progress: Progress) -> None:
            asked.append(self.name)

    monkeypatch.setattr(machine, "Cluster", Recorder)
    # Other tests may be running there.
    monkeypatch.setattr(machine.second_machine, "down", lambda progress: asked.append("beside"))
    monkeypatch.setattr(machine.shutil, "rmtree", lambda folder, ignore_errors: asked.append(folder.name))
    machine.down(Progress(write=lambda text: None, tty=False))
    assert {"beside", DEFAULT_NAME, NAME} <= {*asked}
    assert asked[-2:] == ["pulumi", "images"], "what is void without the clusters"


def test_down_leaves_no_trace(scratch: Scratch) -> None:
    layout = scratch.cluster.layout
    during = traces(layout)
    seen = {kind for kind in during if during[kind] - scratch.before[kind]}
    assert seen == {
        "processes",
        "mounts",
        "routes",
        "network namespaces",
        "links",
        "control groups",
        "runtime folders",
        "pods' folders",
        "log links",
    }, "the control: what a running cluster has is seen"
    scratch.cluster.down(Progress(write=lambda text: None, tty=False))
    after = traces(layout)
    left = {kind: after[kind] ^ scratch.before[kind] for kind in after}
    assert {kind: lines for kind, lines in left.items() if lines} == {}
    assert not layout.state.exists()
    assert not layout.pods.exists()
    assert Cluster().running(), "the other cluster runs on"
