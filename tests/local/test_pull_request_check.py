"""The pull-request check leaves the working tree as it is."""

import sys
from pathlib import Path

import pytest

from local import preview, pull_request_check
from local.paths import ROOT
from offline.check.__main__ import main

WRITES = """
import sys
path = sys.argv[sys.argv.index("--config-file") + 1]
print(path)
open(path, "a").write("encryptionsalt: x")
"""


def test_pulumi_writes_into_a_copy_of_the_stack_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "commands", lambda stacks: [([sys.executable, "-c", WRITES], {})])
    before = (ROOT / "Pulumi.staging.yaml").read_bytes()
    file = Path(pull_request_check.previewed().strip())
    assert file.name == "Pulumi.staging.yaml"
    assert file.parent != ROOT
    assert not file.exists()
    assert (ROOT / "Pulumi.staging.yaml").read_bytes() == before


def test_a_revision_is_no_option_of_gits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--against=--output={tmp_path / 'written'}"]) == 1
    assert "a revision begins with no `-`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
