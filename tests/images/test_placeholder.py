"""What a Deployment runs before its first delivery answers whatever an application's probes ask."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from components import pod
from components.settings.application import Container
from images.recipes import TOOLS

SCRIPT = TOOLS / "files/usr/bin/serve-placeholder"
PAGE = (TOOLS / "files/usr/share/tekton-delivery/placeholder/index.html").read_bytes()
PROBES: list[dict[str, Any]] = [
    {},
    {"healthPath": "/readyz"},
    {"healthPath": "/healthz", "probes": {"liveness": {"path": "/healthz/live"}, "startup": {"path": "/healthz/"}}},
    {"healthPath": "/", "probes": {"port": 0, "liveness": {"path": "/livez"}, "startup": {"path": "/cgi-bin/start"}}},
    {"port": "none", "healthPath": "/readyz", "probes": {"port": 0}, "args": ["worker", "--help"]},
    {"healthPath": "/api/v1/ready", "env": {"PATH": "/app/bin", "HOME": "/nowhere"}},
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def container(given: dict[str, Any]) -> dict[str, Any]:
    """A container as a Deployment declares it, on ports that nobody has."""
    settings: dict[str, Any] = {"port": free_port()} | given
    if "port" in given.get("probes", {}):
        settings["probes"] = given["probes"] | {"port": free_port()}
    made = Container.model_validate(settings)
    args = pod.PodArgs(application="shop", account="shop", image="x", container=made, env={}, secret=None)
    (found,) = pod.spec(args)["containers"]
    assert isinstance(found, dict)
    return found


@contextmanager
def serving(found: dict[str, Any]) -> Iterator[None]:
    """The placeholder with a container's variables and arguments."""
    env = {item["name"]: item["value"] for item in found["env"]}
    process = subprocess.Popen([SCRIPT, *found.get("args", [])], env=env, start_new_session=True)
    try:
        yield
    finally:
        subprocess.run(["kill", "--", f"-{process.pid}"], check=True)
        assert process.wait(timeout=5) == 0, "it ends when it is told to"


def answer(url: str) -> bytes:
    """What is answered, waited for as the kubelet does."""
    end = time.monotonic() + 5
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as found:
                return bytes(found.read())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("given", PROBES, ids=str)
def test_the_first_pulumi_up_gets_ready(given: dict[str, Any]) -> None:
    found = container(given)
    ports = {port["name"]: port["containerPort"] for port in found["ports"]}
    probes = [probe["httpGet"] for name, probe in found.items() if name.endswith("Probe")]
    assert probes
    with serving(found):
        for probe in probes:
            assert answer(f"http://127.0.0.1:{ports[probe['port']]}{probe['path']}") == PAGE
        if "http" in ports:
            assert answer(f"http://127.0.0.1:{ports['http']}/") == PAGE, "and the Service shows what it is"


def test_who_says_nothing_keeps_nobody_from_an_answer() -> None:
    found = container({})
    port = found["ports"][0]["containerPort"]
    with serving(found):
        assert answer(f"http://127.0.0.1:{port}/") == PAGE
        with socket.create_connection(("127.0.0.1", port)) as silent:
            assert answer(f"http://127.0.0.1:{port}/") == PAGE
            silent.settimeout(8)
            assert silent.recv(1) == b"", "and is cut off"
