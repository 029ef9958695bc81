"""A stack's file or its secrets that cannot be read: told in one line, with an exit code, and as data where wanted."""

import json
import os
from pathlib import Path

import pytest

from operate import __main__ as operate
from operate import pulumi
from operate.doctor import stack
from tests.operate.doctor.test_command import files, with_secret

__all__ = ["files"]

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no mine.yaml; stacks in "),
        (Path, "mine.yaml cannot be read: Is a directory"),
        (b"config: [", "mine.yaml is no YAML: line 2: did not find expected node content"),
        (b"config: \xfa\n", "mine.yaml is no YAML: "),
        (b"token: hunter2: x", "mine.yaml is no YAML: line 1: mapping values are not allowed in this context"),
        (b"[" * 5000, "mine.yaml is no YAML: line 1: nested more than 100 deep"),
        (b"", "mine.yaml needs the key `config`"),
        (b"hello", "mine.yaml needs the key `config`"),
        (b"config: []", "mine.yaml needs the key `config`"),
    ],
    ids=["none", "a folder", "broken", "no text", "a secret beside it", "deep", "empty", "a text", "a list"],
)
@pytest.mark.parametrize("as_data", [False, True], ids=["text", "data"])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, capsys: Capture, content: object, said: str, as_data: bool) -> None:
    path = tmp_path / "mine.yaml"
    if content is Path:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    assert operate.main(["doctor", "mine", "--config-file", str(path), *(["--json"] if as_data else [])]) == 1
    told = capsys.readouterr()
    assert told.err == ""
    assert "hunter2" not in told.out
    if as_data:
        (row,) = json.loads(told.out)["rows"]
        assert row["said"].startswith(said)
        assert "\n" not in row["said"]
    else:
        assert said in told.out
        assert len(told.out.strip().split("\n")) == 4, "the line, what mends it, an empty one and the sum"


PASSPHRASE = """error: constructing secrets manager of type "passphrase":
  passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables
"""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "pulumi is not on PATH"),
        ("no program", "pulumi cannot be run: "),
        (
            f"#!/bin/sh\nprintf '%s' '{PASSPHRASE}' >&2\nexit 255\n",
            "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or",
        ),
        ("#!/bin/sh\nexit 7\n", "exit code 7"),
        ("#!/bin/sh\necho hello\n", "`pulumi config` tells no JSON"),
        ("#!/bin/sh\necho '[1]'\n", "`pulumi config` tells no JSON"),
        ("#!/bin/sh\nprintf '\\377' >&2; exit 1\n", "\ufffd"),
        ("#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x >&2; exit 1\n", "xxx\u2026"),
        ("#!/bin/sh\nexec sleep 30\n", "has not ended within 1 s: is its backend there?"),
    ],
    ids=["none", "no program", "no passphrase", "silent", "no JSON", "other JSON", "no text", "long", "hangs"],
)
def test_secrets_that_pulumi_does_not_tell_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: None, script: str | None, said: str
) -> None:
    monkeypatch.setattr(pulumi, "SECONDS", 1.0)
    place = tmp_path / "bin"
    place.mkdir()
    if script is not None:
        (place / "pulumi").write_text(script)
        (place / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}/usr/bin{os.pathsep}/bin")
    needs, rows = stack.load("mine", with_secret(tmp_path))
    assert needs, "the rest is looked at"
    assert needs.forge.token is None
    (row,) = rows
    assert (row.state, row.what) == ("unknown", "the stack's secrets")
    assert said in row.said
    assert "\n" not in row.said
    assert len(row.said) < 700
