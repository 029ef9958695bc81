"""A kubeconfig whose user acts as somebody else: kubectl sends whom, and so do the commands."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from offline.needs.read import needs
from offline.needs.values import Needs
from offline.run import placeholder, stack_config
from operate.cluster import Cluster
from operate.declared import Declaration
from operate.doctor.api import Api
from operate.drift import connect
from operate.errors import OperateError
from tests.support import ROOT


class Server(http.server.ThreadingHTTPServer):
    """Answers everything, and keeps what it was told of the caller."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.told: list[dict[str, str]] = []


class Answer(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.told.append({key: value for key, value in self.headers.items() if key.startswith("Impersonate-")})
        listed = {"items": [], "kind": "APIVersions", "versions": [], "groups": [], "resources": []}
        # Programs print what is no text, too.
        body = b"caf\xe9 \xff\n" if "/log?" in self.path else json.dumps(listed).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def staging() -> Needs:
    return needs("staging", stack_config(ROOT / "Pulumi.staging.yaml"), read=placeholder)


def kubeconfig(folder: Path, server: Server, user: dict[str, Any]) -> str:
    contexts = [{"name": name, "context": {"cluster": "here", "user": name}} for name in ("plain", "acting")]
    written = {
        "current-context": "plain",
        "contexts": contexts,
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "plain", "user": {"token": "a"}}, {"name": "acting", "user": {"token": "b"} | user}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(written))
    return str(path)


ANA = {"as": "ana@example.com", "as-uid": "7", "as-groups": ["releasers"]}
SENT = {"Impersonate-User": "ana@example.com", "Impersonate-Uid": "7", "Impersonate-Group": "releasers"}


def test_a_command_acts_as_whom_the_kubeconfig_names(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kubeconfig(tmp_path, server, ANA)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", path)
    Cluster("acting").environments()
    Cluster("plain").environments()
    Cluster(None).environments()
    assert server.told == [SENT, {}, {}]


def test_drift_does_too(server: Server, tmp_path: Path) -> None:
    connect(Declaration((), kubeconfig(tmp_path, server, ANA), "acting"))
    assert server.told
    assert all(each == SENT for each in server.told)


def test_doctor_does_too(server: Server, tmp_path: Path, staging: Needs) -> None:
    Api(replace(staging, kubeconfig=kubeconfig(tmp_path, server, ANA), context="acting")).get("/version")
    assert server.told == [SENT]


@pytest.mark.parametrize("more", [{"as-groups": ["a", "b"]}, {"as-user-extra": {"reason": ["x"]}}])
def test_what_cannot_be_said_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    path = kubeconfig(tmp_path, server, ANA | more)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", path)
    with pytest.raises(OperateError, match="user acting acts as one with several groups or with extra fields"):
        Cluster("acting")
    assert server.told == []


def test_a_log_that_is_no_text_is_shown(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kubeconfig(tmp_path, server, {})
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", path)
    monkeypatch.setattr(Cluster, "delivery_namespace", lambda self, environment: f"{environment}-ci")
    assert Cluster(None).log("staging", "pod", "step-test") == "caf\ufffd \ufffd\n"
