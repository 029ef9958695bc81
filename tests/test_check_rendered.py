"""What a branch hands over to be compared: the base's code reads it, and takes it for an attacker's."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offline import policy, render
from offline.check import __main__ as command
from offline.check import rendered
from offline.check.report import LIMIT, LINE, MARKER, Findings, comment
from offline.policy import Violation
from offline.reachability.rows import rows
from offline.run import Recording
from tests.support import ROOT

Text = Callable[[str], str]
STAGING = ROOT / "Pulumi.staging.yaml"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return render.record(STAGING)


@pytest.fixture
def own(recording: Recording) -> Any:
    """What this tree hands over."""
    return json.loads(rendered.written([recording]))


@pytest.fixture
def told(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Text:
    """Let the base's code judge a text that a branch handed over; the comment."""
    monkeypatch.setattr(command, "declared_here", lambda stacks: {"staging": render.manifests(recording)})

    def run(text: str) -> str:
        file = tmp_path / "rendered.json"
        file.write_text(text)
        assert command.main(["--against", "abc", "--rendered", str(file), "staging"]) == 0
        return capsys.readouterr().out

    return run


def test_all_that_the_comment_is_made_of_survives_the_file(tmp_path: Path, recording: Recording, own: Any) -> None:
    file = tmp_path / "rendered.json"
    file.write_text(json.dumps(own))
    (read,) = rendered.read(file).values()
    assert render.manifests(read) == render.manifests(recording)
    assert rows(render.manifests(read)) == rows(render.manifests(recording))
    assert list(policy.violations(read)) == list(policy.violations(recording)) == []


def test_the_base_judges_what_the_branch_declares(told: Text, own: Any) -> None:
    lines = told(json.dumps(own)).splitlines()
    assert lines[0] == MARKER
    assert command.BY_THE_BASE in lines
    assert "| staging | the same | the same | kept | not run here |" in lines
    for resource in own["staging"]:
        if resource["type"] == "kubernetes:apps/v1:Deployment":
            for place in ("inputs", "sent"):
                resource[place]["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:1.29"
    changed = told(json.dumps(own))
    assert "| staging | 1 changed | the same | **1 broken** | not run here |" in changed
    assert "pinned-images" in changed, "by the base's policies"


def test_no_code_of_the_branch_is_run(told: Text, own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "declared_in", lambda *arguments: pytest.fail("a revision's program was run"))
    assert "| staging | the same |" in told(json.dumps(own))


def deep(text: str) -> str:
    return "[" * 200_000 + text


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"staging": {}}', '{"staging": [1]}', '{"staging": [{"urn": "u"}]}', '{"a b": []}', '{"@all": []}',
     '{"www.example.org": []}', json.dumps({f"s{number}": [] for number in range(51)}), deep(""), '{"staging": NaN}',
     '{"staging": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_a_file_of_another_form_is_said_to_be_one(told: Text, text: str) -> None:
    answer = told(text)
    assert answer.startswith(MARKER)
    assert "**The branch's program left nothing to compare: " in answer
    assert "@all" not in answer


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "gone", ""):
        with pytest.raises(rendered.RenderedError):
            rendered.read(tmp_path / name)
    assert rendered.read(tmp_path / "secret") == {}


def test_a_file_is_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "BYTES", 3)
    (tmp_path / "file").write_text("{} ")
    assert rendered.read(tmp_path / "file") == {}
    (tmp_path / "file").write_text("{}  ")
    with pytest.raises(rendered.RenderedError, match="longer than 3 bytes"):
        rendered.read(tmp_path / "file")


def test_objects_that_cannot_be_judged_are_said_to_be_so(told: Text, own: Any) -> None:
    own["staging"][-1]["inputs"] = {"metadata": 7}
    own["staging"][-1]["type"] = "kubernetes:core/v1:ConfigMap"
    answer = told(json.dumps(own))
    assert "| staging | **cannot be told** | **cannot be told** | **cannot be told** | not run here |" in answer


HOSTILE = "a\u202eb\u200bc\x1b[31md\u2028</details>@everybody\r#1\x00\ud800\U000e0041"


def test_what_is_not_seen_is_shown_and_nothing_leaves_its_fence() -> None:
    found = Findings([], HOSTILE, [Violation("named-rights", f"x\n```\n@all {HOSTILE}\n<details>")], None, HOSTILE)
    text = comment({"staging": found}, "main", "By us.")
    text.encode()
    assert not set(text) & set("\u202e\u200b\x1b\u2028\r\x00\ud800\U000e0041")
    assert r"a\u{202e}b\u{200b}c\u{1b}[31md" in text
    fence = ""
    mentions = 0
    for line in text.splitlines():
        if not fence and line.startswith("```"):
            fence = line.removesuffix("diff")
        elif line == fence:
            fence = ""
        assert fence or "@" not in line, line
        mentions += "@" in line
    assert not fence
    assert mentions == 3
    assert text.count("\n<details><summary>") == text.count("\n</details>\n")


def test_lines_and_the_comment_are_bounded_in_bytes() -> None:
    long = Findings([], "\n".join(["ü" * 10_000] * 150), [], None)
    text = comment({f"s{number}": long for number in range(9)}, "main", "By us.")
    assert len(text.encode()) <= LIMIT + 100
    assert max(map(len, text.splitlines())) <= LINE + 10
    assert text.endswith("\nMore: `make pull-request-check AGAINST=main`\n")
    assert text.count("<details>") == text.count("</details>") == 0 or "```\n\n</details>\n" in text


def test_the_command_writes_what_the_base_reads(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "offline.check.rendered", "staging"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (tmp_path / "file").write_text(answer.stdout)
    assert list(rendered.read(tmp_path / "file")) == ["staging"]


@pytest.mark.parametrize("kind", ["kubernetes:apps/v1:Deployment:x", "kubernetes:apps/v1", ""])
def test_a_type_of_more_or_fewer_parts_is_one_refusal(told: Text, own: Any, kind: str) -> None:
    own["staging"][-1]["type"] = kind
    assert "a type of three parts" in told(json.dumps(own))
