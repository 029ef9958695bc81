"""The mock runner and the renderer: runs that share nothing, and manifests that say what would be declared."""

import os
import subprocess
import sys
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest

from offline import render
from offline.run import HIDDEN, run
from tests.support import Declared


def test_two_runs_share_nothing() -> None:
    def program(name: str) -> None:
        k8s.core.v1.ConfigMap(name, metadata={"name": name})
        pulumi.export("name", name)

    first, second = run(lambda: program("one"), stack="a"), run(lambda: program("two"), stack="b")
    assert first.outputs == {"name": "one"}
    assert second.outputs == {"name": "two"}
    assert [resource.urn.split("::")[0] for resource in second.resources] == ["urn:pulumi:b"] * len(second.resources)


def test_an_error_of_the_program_comes_out_as_it_is() -> None:
    def program() -> None:
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        run(program)


def test_an_error_in_a_value_that_is_computed_later_comes_out_too() -> None:
    """Otherwise a test with its claims in an `apply` would pass without checking anything."""

    def program() -> None:
        pulumi.Output.from_input(1).apply(lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(program)


def test_secrets_are_hidden_and_numbers_are_whole() -> None:
    def program() -> None:
        k8s.core.v1.Secret("s", metadata={"name": "s"}, string_data={"key": "plain"})
        k8s.apps.v1.Deployment("d", metadata={"name": "d"}, spec={"replicas": 3})

    declared = Declared(run(program))
    assert declared.one("Secret")["stringData"] == {"key": HIDDEN}
    assert declared.one("Deployment")["spec"]["replicas"] == 3
    assert isinstance(declared.one("Deployment")["spec"]["replicas"], int)


def test_a_preview_is_a_preview() -> None:
    seen = []
    for preview in (True, False):
        run(lambda: seen.append(pulumi.runtime.is_dry_run()), preview=preview)
    assert seen == [True, False]


def test_every_stack_is_rendered_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text(
        "import pulumi_kubernetes as k8s\n"
        "main = lambda loaded: k8s.core.v1.ConfigMap('m', metadata={'name': 'm'}, data={'text': 'one\\ntwo'})\n"
    )
    monkeypatch.setattr(render, "ROOT", tmp_path)
    monkeypatch.setattr(render.Stack, "load", lambda read: None)
    assert render.main([]) == 0
    assert capsys.readouterr().out == "rendered/one.yaml: 1 objects\nrendered/two.yaml: 1 objects\n"
    assert "text: |-\n    one\n    two\n" in (tmp_path / "rendered" / "two.yaml").read_text()


def test_two_processes_render_a_stack_to_the_same_text() -> None:
    """Within one process the order of a resource's keys, which the SDK hands over without one, often stays."""
    program = (
        "import pathlib; from offline import render\n"
        "print(render.to_yaml(render.manifests(render.record(pathlib.Path('Pulumi.production.yaml')))))"
    )
    texts = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=render.ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0].count("\n---\n") > 20
    assert texts[0] == texts[1]


def test_a_wrong_stack_file_ends_in_one_line_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.broken.yaml").write_text("config:\n  tekton-delivery:forge: gitea\n")
    root = render.ROOT
    (tmp_path / "__main__.py").symlink_to(root / "__main__.py")
    monkeypatch.setattr(render, "ROOT", tmp_path)
    assert render.main(["broken"]) == 1
    assert capsys.readouterr().err.startswith("error: Pulumi.broken.yaml cannot be used:\n")
    (tmp_path / "Pulumi.a-good-one.yaml").write_bytes((root / "Pulumi.production.yaml").read_bytes())
    assert render.main([]) == 1
    assert not (tmp_path / "rendered").exists()


def test_a_stack_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.staging.yaml").write_text("config: {}\n")
    monkeypatch.setattr(render, "ROOT", tmp_path)
    assert render.main(["stagign"]) == 1
    assert capsys.readouterr().err == "error: there is no Pulumi.stagign.yaml; stacks: staging\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: {a: [}\n", "error: Pulumi.broken.yaml is no YAML: "),
        ("", "error: Pulumi.broken.yaml needs the key `config` with the stack's settings below it\n"),
        ("- config\n", "error: Pulumi.broken.yaml needs the key `config` with the stack's settings below it\n"),
        ("config: none\n", "error: Pulumi.broken.yaml needs the key `config` with the stack's settings below it\n"),
        ("config: " + "[" * 200_000, "error: Pulumi.broken.yaml is no YAML: line 1: nested more than 100 deep\n"),
        ("config: \udcfa\n", "error: Pulumi.broken.yaml is no YAML: "),
    ],
)
def test_a_file_that_is_no_stack_ends_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "Pulumi.broken.yaml").write_text(text, errors="surrogateescape")
    monkeypatch.setattr(render, "ROOT", tmp_path)
    assert render.main(["broken"]) == 1
    assert capsys.readouterr().err.startswith(message)
