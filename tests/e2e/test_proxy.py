"""The way out of the cluster: tests and builds reach by the proxy what they do not reach by themselves."""

import contextlib
import json
import re
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.cluster.names import REGISTRY
from local.cluster.network import Namespace
from local.paths import ROOT
from tests.authority import authority
from tests.e2e.attacks.registry import Login
from tests.e2e.outside import NAME
from tests.e2e.stacks import Pulumi, changed
from tests.e2e.world import World

PROXY = 3128
# The forge's API is no business of a pod that fetches over SSH; the proxy would reach it.
CLOSED = "http://forge.internal:3000/api/healthz: curl: (7) Failed to connect"
# Each goes on without an answer, so that one run tells of all.
TESTS = """#!/bin/sh
ask() {{
    echo "$1: $(curl --silent --show-error --insecure --output /dev/null --write-out '%{{http_code}}' "$1" 2>&1)"
}}
ask http://{name}:{plain}/tests
ask https://{name}:{tls}/tests
ask http://forge.internal:3000/api/healthz
ask http://registry.internal:5000/v2/
"""
DOCKERFILE = """ARG BASE=registry.internal:5000/platform/base:1
FROM ${{BASE}}
ARG REVISION=unknown
USER 0
COPY message.txt render.sh serve.sh /opt/chespirito/
RUN wget -q -O - http://{name}:{plain}/build
RUN sh /opt/chespirito/render.sh /opt/chespirito /srv/chespirito "$REVISION"
USER 65532
CMD ["/bin/sh", "/opt/chespirito/serve.sh"]
"""


class Handler(BaseHTTPRequestHandler):
    """Repeats what it was asked for."""

    def do_GET(self) -> None:
        body = f"{NAME} says {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def ports(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Two servers, the second with TLS, on the loopback of the cluster's network namespace, which no pod has."""
    inside = Namespace(world.machine.cluster.layout.id)
    servers = {name: inside.call(lambda: ThreadingHTTPServer(("127.0.0.1", 0), Handler)) for name in ("plain", "tls")}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority(tmp_path_factory.mktemp("outside")).signed(f"DNS:{NAME}"))
    servers["tls"].socket = context.wrap_socket(servers["tls"].socket, server_side=True)
    threads = [threading.Thread(target=server.serve_forever) for server in servers.values()]
    for thread in threads:
        thread.start()
    yield {name: server.server_port for name, server in servers.items()}
    for server, thread in zip(servers.values(), threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy(world: World) -> Iterator[Path]:
    """A proxy on the node; its log."""
    cluster, log = world.machine.cluster, world.machine.cluster.layout.logs / "proxy.log"
    log.unlink(missing_ok=True)

    def answers() -> bool:
        with contextlib.closing(socket.create_connection((cluster.node_ip, PROXY), timeout=1)):
            return True

    argv = [sys.executable, "-m", "proxy", "--hostname", cluster.node_ip, "--port", str(PROXY)]
    argv += ["--num-acceptors", "1", "--num-workers", "1", "--plugins", "tests.e2e.outside.Outside"]
    cluster.spawn("proxy", argv, env={"PYTHONPATH": str(ROOT)}, ready=answers)
    yield log
    cluster.stop("proxy")


@pytest.fixture
def configured(world: World, pulumi: Pulumi, proxy: Path, tmp_path: Path) -> Iterator[Path]:
    """Staging with the proxy; in the end it is what it was. The proxy's log."""

    def change(settings: dict[str, Any]) -> None:
        url = f"http://{world.machine.cluster.node_ip}:{PROXY}"
        settings["build"]["proxy"] = {"url": url, "exceptFor": ["forge.internal"]}

    with changed(pulumi, tmp_path, change, "staging"):
        yield proxy


def test_tests_and_builds_leave_by_the_proxy(
    world: World, ports: dict[str, int], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    files = {"test.sh": TESTS.format(name=NAME, **ports), "Dockerfile": DOCKERFILE.format(name=NAME, **ports)}
    pull_request = world.open(files | {"message.txt": "Nobody gets out\n"})
    run, succeeded, _ = world.run("staging", pull_request)
    assert not succeeded
    said = world.logs(run, "build", "test")
    assert said.count(f"Could not resolve host: {NAME}") == 2
    assert CLOSED in said
    assert f"wget: bad address '{NAME}:{ports['plain']}'" in world.logs(run, "build", "image")

    log: Path = request.getfixturevalue("configured")
    world.push(pull_request, {"message.txt": "Out by the proxy\n"})
    run, succeeded, told = world.run("staging", pull_request, known=1)
    assert succeeded, told
    world.serves("staging", "Out by the proxy")
    said = world.logs(run, "build", "test")
    for url in (f"http://{NAME}:{ports['plain']}/tests", f"https://{NAME}:{ports['tls']}/tests"):
        assert f"{url}: 200" in said
    assert CLOSED in said, "the exception is asked without the proxy, from where it is out of reach"
    assert f"{NAME} says /build" in world.logs(run, "build", "image")
    reader = Login(world.machine, tmp_path, REGISTRY, "puller")
    config = json.loads(reader.crane("config", reader.image("chespirito", world.digest("staging"))))["config"]
    assert "proxy" not in str(config).lower(), "no image keeps it"
    # What it was asked for, and nothing else: neither the exception nor the quarantine registry, which the build reads and
    # writes. The other registry, as much out of reach as the forge, stands for a name that is no exception.
    asked = re.findall(r" - (GET|CONNECT|PUT|POST|PATCH|HEAD) (\S+) - ", log.read_text())
    assert sorted(set(asked)) == [
        ("CONNECT", f"{NAME}:{ports['tls']}"),
        ("GET", f"{NAME}:{ports['plain']}/build"),
        ("GET", f"{NAME}:{ports['plain']}/tests"),
        ("GET", "registry.internal:5000/v2/"),
    ]
