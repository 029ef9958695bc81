"""A kubeconfig that leads nowhere is told in one line, with what mends it, and ends in time."""

import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from offline.needs.values import Needs
from operate import __main__ as operate
from operate import kubeconfig as kubeconfig_module
from operate.doctor import stack
from tests.operate.doctor.fakes import kubeconfig, serving

Capture = pytest.CaptureFixture[str]
REFUSED = "http://127.0.0.1:9"


def config(**changed: Any) -> str:
    """A kubeconfig with other parts: `cluster`, `user`, `context`, or a whole key."""
    made = yaml.safe_load(kubeconfig(REFUSED))
    for name, value in changed.items():
        if name in ("cluster", "user", "context"):
            made[f"{name}s"][0][name] = value
        elif value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return yaml.safe_dump(made)


FILES: dict[str, Any] = {
    "is not there": None,
    "is a folder": Path,
    "is empty": "",
    "is no YAML": "{",
    "is no text": b"\xff\xfe\x00",
    "is a text": "hello",
    "is a list": "[1]",
    "has no contexts": config(contexts=None),
    "has no clusters": config(clusters=None),
    "has a list of nothing": config(contexts=[]),
    "names no context": config(**{"current-context": None}),
    "names another context": config(**{"current-context": "other"}),
    "has a context of no cluster": config(context={"cluster": "gone", "user": "a"}),
    "has a context of no user": config(
        context={"cluster": yaml.safe_load(kubeconfig(REFUSED))["clusters"][0]["name"], "user": "gone"}
    ),
    "has no server": config(cluster={}),
    "has a server without a scheme": config(cluster={"server": "nowhere"}),
    "has a server that is no URL": config(cluster={"server": "https://[::1"}),
    "has a port that is none": config(cluster={"server": "https://127.0.0.1:port"}),
    "has a name that nobody knows": config(cluster={"server": "https://nosuch.invalid:6443"}),
    "has a bad authority": config(
        cluster={"server": "https://127.0.0.1:9", "certificate-authority-data": "bm90IGEgY2VydA=="}
    ),
    "has no authority's file": config(cluster={"server": "https://127.0.0.1:9", "certificate-authority": "/nonexistent"}),
    "has authorities that are no base64": config(
        cluster={"server": "https://127.0.0.1:9", "certificate-authority-data": "***"}
    ),
    "has no certificate's file": config(user={"client-certificate": "/nonexistent", "client-key": "/nonexistent"}),
    "has a command that is not there": config(
        user={
            "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nonexistent", "interactiveMode": "Never"}
        }
    ),
    "has a command that fails": config(
        user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}}
    ),
    "has a command that says nothing": config(
        user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "true", "interactiveMode": "Never"}}
    ),
    "has a token's file that is not there": config(user={"tokenFile": "/nonexistent"}),
    "refuses connections": config(),
}


ONLY = ("cluster", "rights", "tekton", "secrets")


def examined(needs: Needs, path: Path, capsys: Capture, *only: str) -> list[dict[str, Any]]:
    areas = [word for area in only or ONLY for word in ("--only", area)]
    with mock.patch.object(stack, "load", return_value=(replace(needs, kubeconfig=str(path)), [])):
        code = operate.main(["doctor", "staging", "--json", "--no-probes", *areas])
    told = capsys.readouterr()
    assert told.err == ""
    found: list[dict[str, Any]] = json.loads(told.out)["rows"]
    assert code == 1
    return found


@pytest.mark.parametrize("name", FILES)
def test_it_is_one_line_that_says_what_to_look_at(name: str, staging: Needs, tmp_path: Path, capsys: Capture) -> None:
    path, text = tmp_path / "kubeconfig", FILES[name]
    if text is Path:
        path.mkdir()
    elif text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (row,) = examined(staging, path, capsys)
    assert (row["state"], row["what"]) == ("wrong", "the cluster answers")
    assert "kubeconfig" in row["mend"]
    assert row["said"].strip()
    assert "\n" not in row["said"]
    assert len(row["said"]) < 300
    assert "object at 0x" not in row["said"]


def test_a_server_that_takes_a_connection_and_says_nothing_is_waited_for_once(
    staging: Needs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig_module, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path, begun = tmp_path / "kubeconfig", time.monotonic()
        path.write_text(kubeconfig(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        needs = replace(staging, forge=replace(staging.forge, repositories=()))
        row, *webhook = examined(needs, path, capsys, *ONLY, "webhook")
        assert time.monotonic() - begun < 5
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert "does not answer: Read timed out" in row["said"]
    assert {each["area"] for each in webhook} == {"webhook"}


def test_who_is_not_known_to_the_cluster_is_told_once(staging: Needs, tmp_path: Path, capsys: Capture) -> None:
    with serving(lambda asked: (401, {"message": "Unauthorized"})) as served:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig(served.url))
        (row,) = examined(staging, path, capsys)
    assert (row["state"], row["what"]) == ("wrong", "the cluster answers")
    assert row["said"].endswith("does not know who asks (401 Unauthorized)")


def test_a_context_that_is_not_there_is_named(staging: Needs, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(REFUSED))
    (row,) = examined(replace(staging, context="staging-eu"), path, capsys)
    assert "staging-eu" in row["said"]
