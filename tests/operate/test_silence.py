"""A cluster that is not there for anybody: every verb says so in one line, and does not wait for it without end."""

import argparse
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operate import __main__ as command
from operate import declared, kubeconfig, pulumi
from operate.declared import Declaration
from operate.errors import OperateError
from operate.init.sources import Sources
from tests.operate.doctor import fakes

# `doctor` and `init` have tests of their own: tests/operate/doctor/test_no_cluster.py, and below.
WITHOUT = ("doctor", "init")
GIVEN = {"environment": "staging", "environments": "staging", "application": "shop", "pull_request": "7", "stack": "staging"}


def verbs() -> list[list[str]]:
    """Each verb with what it has to be told."""
    (made,) = (each for each in command.parser()._actions if isinstance(each, argparse._SubParsersAction))
    found = []
    for name, each in made.choices.items():
        wanted = [action.dest for action in each._actions if not action.option_strings and action.dest in GIVEN]
        if name not in WITHOUT:
            found.append([name, *(GIVEN[dest] for dest in wanted)])
    return found


class Cluster:
    """An address that is silent."""

    def __init__(self, *, drops: bool) -> None:
        """`drops`: as a load balancer that drops packets; else whoever connects gets no answer."""
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=0 if drops else 50)
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.waiting: list[socket.socket] = []
        while drops:
            # The kernel takes no more than these.
            made = socket.socket()
            made.settimeout(0.3)
            self.waiting.append(made)
            try:
                made.connect(self.socket.getsockname())
            except TimeoutError:
                break

    def close(self) -> None:
        for each in (*self.waiting, self.socket):
            each.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(kubeconfig, "SECONDS", 0.5)


@pytest.fixture
def silent(quick: None, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    made = Cluster(drops=getattr(request, "param", False))
    yield made
    made.close()


def tried(
    silent: Cluster,
    scheme: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *words: str,
) -> str:
    """Run a verb against it; the one line that it says."""
    path = folder / "kubeconfig"
    path.write_text(fakes.kubeconfig(f"{scheme}://{silent.address}"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    monkeypatch.setattr(declared, "read", lambda stack: Declaration((), str(path), None))
    begun = time.monotonic()
    code = command.main(words)
    assert time.monotonic() - begun < 30, "it takes a second on an idle machine"
    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize("words", verbs(), ids=lambda words: str(words[0]))
def test_every_verb_ends_where_nobody_answers(
    silent: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    line = tried(silent, "http", tmp_path, monkeypatch, capsys, *words)
    assert line.startswith(f"error: the cluster at http://{silent.address} does not answer: Read timed out"), line
    assert "--context or $KUBECONFIG names another one" in line
    assert "object at 0x" not in line


@pytest.mark.parametrize(
    ("silent", "scheme", "said"),
    [(False, "https", "timed out"), (True, "http", "Connection to 127.0.0.1 timed out"), (True, "https", "timed out")],
    ids=["no TLS", "drops", "drops, TLS"],
    indirect=["silent"],
)
@pytest.mark.parametrize("words", [("status", "staging"), ("drift", "staging")], ids=["status", "drift"])
def test_it_does_too_where_nothing_arrives(
    silent: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    scheme: str,
    said: str,
    words: tuple[str, str],
) -> None:
    line = tried(silent, scheme, tmp_path, monkeypatch, capsys, *words)
    assert f"the cluster at {scheme}://{silent.address} does not answer: " in line, line
    assert said in line


def test_pulumis_backend_keeps_init_waiting_for_no_longer_than_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(pulumi, "SECONDS", 0.5)
    with pytest.raises(OperateError, match="`pulumi stack ls --json` has not ended within"):
        Sources(tmp_path, "staging").exists()
