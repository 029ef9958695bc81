"""`python -m operate doctor`: what it prints, as text and as data, and the exit code."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from offline.needs.values import UNREAD, Needs
from operate import __main__ as operate
from operate.doctor import command, stack
from operate.doctor.arguments import AREAS
from operate.doctor.rows import Row, advised, fine, lines, unknown, wrong
from operate.errors import OperateError
from tests.operate.doctor.fakes import FakeCluster, kubeconfig, serving
from tests.support import ROOT

Capture = pytest.CaptureFixture[str]
FOUND = [
    replace(fine("a thing", "1.35"), area="cluster"),
    replace(wrong("another", "is not there", "make it"), area="registry"),
    replace(advised("a third", "wide", "narrow it"), area="tekton"),
    replace(unknown("a fourth", "nobody knows"), area="forge"),
]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Row]], None]:
    return lambda rows: monkeypatch.setattr(command, "examine", lambda given, tell: rows)


def test_a_table_says_what_is_wrong_and_what_mends_it() -> None:
    assert list(lines("staging", FOUND)) == [
        "cluster   fine     a thing: 1.35",
        "registry  WRONG    another: is not there",
        "                   -> make it",
        "tekton    advised  a third: wide",
        "                   -> narrow it",
        "forge     unknown  a fourth: nobody knows",
        "",
        "staging: 1 fine, 1 wrong, 1 advised, 1 that could not be looked at",
    ]


@pytest.mark.parametrize(("rows", "code"), [(FOUND, 1), ([FOUND[0], *FOUND[2:]], 0), ([], 0)])
def test_the_exit_code_is_1_where_anything_is_wrong(
    found: Callable[[list[Row]], None], capsys: Capture, rows: list[Row], code: int
) -> None:
    found(rows)
    assert operate.main(["doctor", "staging"]) == code
    assert operate.main(["doctor", "staging", "--json"]) == code
    told = capsys.readouterr().out
    data = json.loads(told[told.index("{") :])
    assert data["fine"] == (code == 0)
    assert [row["state"] for row in data["rows"]] == [row.state for row in rows]


def test_what_others_wrote_is_no_terminal_s_command(found: Callable[[list[Row]], None], capsys: Capture) -> None:
    found([wrong("a\x1b[2Jb", "c\nd", "e")])
    operate.main(["doctor", "staging"])
    assert "\x1b" not in capsys.readouterr().out


@pytest.fixture
def cluster(tmp_path: Path, staging: Needs, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """An empty cluster, on which the stack is to live; nothing else of it answers."""
    made = FakeCluster({"/version": {"gitVersion": "v1.36.0"}})
    with serving(made) as served:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig(served.url))
        needs = replace(staging, kubeconfig=str(path), rights=(), images=())
        monkeypatch.setattr(stack, "load", lambda name, file: (needs, [fine("the stack's settings")]))
        yield made


def test_each_area_is_looked_at(cluster: FakeCluster, capsys: Capture) -> None:
    arguments = ["doctor", "staging", "--json", "--no-probes", "--resolve", "forge.internal=127.0.0.1"]
    assert operate.main(arguments) == 1
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["area"] for row in rows} == set(AREAS) - {"pods", "network", "registry"}, "no user, no registry"
    assert cluster.created == [], "without probes nothing is made"


def test_one_area_alone_can_be_looked_at(cluster: FakeCluster, capsys: Capture) -> None:
    operate.main(["doctor", "staging", "--json", "--only", "tekton", "--only", "cluster"])
    assert {row["area"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"settings", "cluster", "tekton"}


def test_who_may_make_no_namespace_is_told_what_leaves_it_out(cluster: FakeCluster, capsys: Capture) -> None:
    cluster.on_create = lambda path, body: (403, {"message": "may not"}) if path == "/api/v1/namespaces" else None
    operate.main(["doctor", "staging", "--json", "--only", "pods"])
    (row,) = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["area"] == "pods"]
    assert (row["state"], row["mend"]) == ("unknown", "`--no-probes` leaves this out")


def test_ctrl_c_removes_what_was_made(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Any, name: str, *rest: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("operate.doctor.namespace.Throwaway.start", interrupted)
    assert operate.main(["doctor", "staging", "--only", "pods"]) == 130
    assert len(cluster.deleted) == 1


def test_a_cluster_that_does_not_answer_is_told_once(
    staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig("http://127.0.0.1:9"))
    needs = replace(staging, kubeconfig=str(path))
    monkeypatch.setattr(stack, "load", lambda name, file: (needs, []))
    only = [word for area in ("cluster", "rights", "tekton", "pods", "secrets") for word in ("--only", area)]
    assert operate.main(["doctor", "staging", "--json", *only]) == 1
    assert [row["what"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["the cluster answers"]


def shipped() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.production.yaml").read_text())
    return loaded


def written(tmp_path: Path, content: dict[str, Any]) -> str:
    path = tmp_path / "Pulumi.mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def with_secret(tmp_path: Path) -> str:
    """Production with a Pulumi secret in place of its forge token's file, and every other file left to be there."""
    content = shipped()
    content["config"]["tekton-delivery:forge"]["token"] = {"config": "forgeToken"}
    content["config"]["tekton-delivery:forgeToken"] = {"secure": "v1:abc"}
    return written(tmp_path, content)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the stack names, as placeholders."""
    from offline.needs import read
    from offline.run import placeholder

    given = read.needs
    monkeypatch.setattr(stack, "read_file", placeholder)
    monkeypatch.setattr(stack, "needs", lambda *arguments: given(*arguments[:3], placeholder))


def test_a_secret_comes_from_pulumi(tmp_path: Path, files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = with_secret(tmp_path)
    asked: list[tuple[str, ...]] = []

    def pulumi(*arguments: str) -> str:
        asked.append(arguments)
        config = {name: {"value": value} for name, value in stack.stack_config(Path(file)).items()}
        return json.dumps(config | {"tekton-delivery:forgeToken": {"value": "told", "secret": True}})

    monkeypatch.setattr(stack, "pulumi", pulumi)
    needs, rows = stack.load("mine", file)
    assert needs
    assert needs.forge.token == "told"
    assert [row.state for row in rows] == ["fine", "fine"]
    assert asked == [("config", "--stack", "mine", "--config-file", file, "--show-secrets", "--json")]
    assert "told" not in repr(needs)


def test_a_secret_that_pulumi_does_not_tell_is_unread_and_the_rest_is_looked_at(
    tmp_path: Path, files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulumi(*arguments: str) -> str:
        raise OperateError("pulumi is not on PATH")

    monkeypatch.setattr(stack, "pulumi", pulumi)
    needs, rows = stack.load("mine", with_secret(tmp_path))
    assert needs
    assert (needs.forge.token, needs.forge.unread) == (None, ("forge.token",))
    assert [row.state for row in rows] == ["unknown"]
    assert "tekton-delivery:forgeToken" in rows[0].said
    assert "pulumi is not on PATH" in rows[0].said
    assert UNREAD not in str(rows)


def test_no_secret_is_asked_of_pulumi_where_all_are_files(files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "pulumi", None)
    needs, rows = stack.load("production", None)
    assert needs
    assert [row.state for row in rows] == ["fine"]


def test_each_mistake_of_the_settings_is_a_row_that_says_what_mends_it(tmp_path: Path) -> None:
    content = shipped()
    content["config"]["tekton-delivery:forge"] |= {"kind": "gitlab", "token": {"file": str(tmp_path / "nowhere")}}
    needs, rows = stack.load("mine", written(tmp_path, content))
    assert needs is None
    assert [(row.state, row.what.partition(" = ")[0]) for row in rows] == [("wrong", "tekton-delivery:forge.kind")]


def test_a_file_that_is_missing_keeps_nothing_else_from_being_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"tools": f"r.example/tools@sha256:{'a' * 64}"}.items():
        (tmp_path / name).write_text(text)
    content = shipped()
    content["config"]["tekton-delivery:toolsImage"] = {"file": str(tmp_path / "tools")}
    content["config"]["tekton-delivery:forge"]["token"] = {"file": str(tmp_path / "nowhere")}
    needs, rows = stack.load("mine", written(tmp_path, content))
    assert needs
    assert needs.forge.token is None
    (row,) = [row for row in rows if row.what.startswith("tekton-delivery:forge.token")]
    assert (row.state, row.mend.startswith("make the file")) == ("wrong", True)


def test_a_stack_that_is_not_there_is_named(capsys: Capture) -> None:
    assert operate.main(["doctor", "nostack"]) == 1
    assert "there is no Pulumi.nostack.yaml; stacks: " in capsys.readouterr().out


def test_the_document_has_a_row_for_each_area() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", (ROOT / "docs" / "doctor.md").read_text(), re.M)
    states = ["fine", "advised", "unknown"]
    assert rows == [*states, *AREAS]


def test_an_address_has_to_be_one_of_a_host(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        operate.main(["doctor", "staging", "--resolve", "forge.internal"])
    assert "is no HOST=ADDRESS" in capsys.readouterr().err
