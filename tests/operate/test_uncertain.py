"""A server that breaks connections: a look is put again, and of a change is told that it may have been made."""

import http.server
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from operate import kubeconfig, patience
from operate.cluster import Cluster
from operate.kubeconfig import UncertainError
from steps.workloads import workloads
from tests.operate.doctor import fakes


class Server(http.server.ThreadingHTTPServer):
    """An API server that breaks connections, or answers by a status, as often as it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.breaks, self.status, self.headers, self.seconds = 0, 200, dict[str, str](), 0.0
        self.asked, self.lacks = list[str](), 0


class Answer(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.command)
        time.sleep(self.server.seconds)
        if self.server.breaks:
            self.server.breaks -= 1
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        status, headers = (self.server.status, self.server.headers) if self.server.status != 200 else (200, {})
        if self.server.headers:
            self.server.status = 200
        body = json.dumps({"metadata": {"name": "x"}, "items": [], "message": "it says no"}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + self.server.lacks))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = bool(self.server.lacks)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def cluster(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    path = tmp_path / "kubeconfig"
    path.write_text(fakes.kubeconfig(f"http://127.0.0.1:{server.server_address[1]}"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    made = Cluster(None)
    made._places["staging"] = ("staging", "staging-ci")
    return made


WORKLOAD = workloads("staging", ("shop-pod",), "app")[0]
LOOK = "kubectl get deployments.apps shop-pod --namespace staging --output yaml"


def test_one_broken_connection_fails_no_look(server: Server, cluster: Cluster) -> None:
    server.breaks = 1
    assert cluster.workload(WORKLOAD)["metadata"]["name"] == "x"
    assert server.asked == ["GET", "GET"]
    server.breaks = 2
    with pytest.raises(urllib3.exceptions.HTTPError) as broken:
        cluster.workload(WORKLOAD)
    assert "does not answer: [Errno 104] Connection reset by peer; `kubectl" in kubeconfig.unanswered(broken.value)


def test_a_change_is_not_repeated_and_may_have_been_made(server: Server, cluster: Cluster) -> None:
    server.breaks = 1
    with pytest.raises(UncertainError) as broken:
        cluster.patch_workload(WORKLOAD, {"metadata": {"annotations": {}}})
    assert server.asked == ["PATCH"]
    assert kubeconfig.unanswered(broken.value) == (
        f"the cluster at http://127.0.0.1:{server.server_address[1]} does not answer: [Errno 104] Connection reset by peer; "
        f"the change may have been made: before you repeat it, look: `{LOOK}`"
    )


@pytest.mark.parametrize(
    ("asks", "look"),
    [
        (lambda cluster: cluster.patch_workload(WORKLOAD, {}), LOOK),
        (
            lambda cluster: cluster.replace_lease("staging", "shop-pod", {}),
            "kubectl get leases.coordination.k8s.io shop-pod --namespace staging --output yaml",
        ),
        (
            lambda cluster: cluster.create_run("staging", {"metadata": {"name": "shop-7"}}),
            "kubectl get pipelineruns.tekton.dev shop-7 --namespace staging-ci --output yaml",
        ),
        (
            lambda cluster: cluster.patch_freeze("staging", {}),
            "kubectl get configmaps freeze --namespace staging --output yaml",
        ),
    ],
)
def test_how_to_look_is_told(
    server: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, asks: Callable[[Cluster], None], look: str
) -> None:
    for status, seconds in ((504, 0.0), (502, 0.0), (200, 1.0)):
        server.status, server.seconds = status, seconds
        monkeypatch.setattr(kubeconfig, "SECONDS", 0.3)
        with pytest.raises(UncertainError) as broken:
            asks(cluster)
        assert broken.value.look == look


def test_an_answer_that_is_cut_off_is_none(server: Server, cluster: Cluster) -> None:
    server.lacks = 5
    with pytest.raises(UncertainError, match="more expected"):
        cluster.patch_workload(WORKLOAD, {})


def test_what_never_arrived_or_changes_nothing_was_not_done(
    server: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.breaks = 1
    with pytest.raises(urllib3.exceptions.HTTPError) as broken:
        cluster.whoami()
    assert not isinstance(broken.value, UncertainError)
    server.shutdown()
    server.server_close()
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        cluster.patch_workload(WORKLOAD, {})


def test_what_has_too_much_to_do_is_asked_again_when_it_says(server: Server, cluster: Cluster) -> None:
    server.status, server.headers = 429, {"Retry-After": "1"}
    cluster.patch_workload(WORKLOAD, {})
    assert server.asked == ["PATCH"] * 2


def test_a_question_may_take_longer_than_the_api_server_lets_it() -> None:
    """Its own limit: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/"""
    assert kubeconfig.SECONDS > 60
    assert patience.SECONDS > kubeconfig.SECONDS
