"""plain.sh: what others wrote cannot rewrite a log, or read as something else; the same goes for operate and local."""

import subprocess
from pathlib import Path

import pytest

from components.conventions import plain
from tests.tasks.scripts.conftest import Sandbox, git, needs_jq

CODES = (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
KEPT = "caf\u00e9 \u65e5\u672c \U0001f600 a\u00a0b '$(touch pwned)' \\u202e \\x1b"

pytestmark = needs_jq


def in_sh(sandbox: Sandbox, text: bytes) -> str:
    script = Path(__file__).parents[3] / "components" / "tasks" / "scripts" / "plain.sh"
    done = subprocess.run(
        [*sandbox.shell, "-c", f". '{script}'; plain"], input=text, capture_output=True, check=True, cwd=sandbox.work
    )
    return done.stdout.decode()


def test_each_character_that_controls_or_turns_becomes_a_space(sandbox: Sandbox) -> None:
    codes = [code for code in CODES if code != ord("\n")]
    text = "".join(f"<{chr(code)}>" for code in codes)
    assert in_sh(sandbox, text.encode()) == "< >" * len(codes) + "\n"
    assert plain(text) == "< >" * len(codes)


def test_all_else_stays(sandbox: Sandbox) -> None:
    assert in_sh(sandbox, f"{KEPT}\n{KEPT}\n".encode()) == f"{KEPT}\n{KEPT}\n"
    assert plain(KEPT) == KEPT


@pytest.mark.parametrize("byte", [b"\x9b", b"\x80", b"\xff", b"\xed\xa0\x80"])
def test_what_is_no_text_becomes_a_sign_of_that(sandbox: Sandbox, byte: bytes) -> None:
    assert set(in_sh(sandbox, b"a" + byte + b"b").strip("ab\n")) == {"\ufffd"}


def test_in_python_lines_are_kept_only_where_they_are_wanted() -> None:
    assert plain("a\nb") == "a b"
    assert plain("a\nb\x1b", lines=True) == "a\nb "


def test_the_subject_of_a_commit_is_shown_plainly(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    forge = tmp_path_factory.mktemp("forge")
    git(forge, "init", "--quiet", "--initial-branch=main")
    git(forge, "commit", "--quiet", "--allow-empty", "--message", "Fix \x1b]0;title\x07 \u202etxt.exe")
    git(forge, "config", "uploadpack.allowAnySHA1InWant", "true")
    sha = git(forge, "rev-parse", "HEAD")
    result = sandbox.run(
        "fetch",
        PARAM_HEAD_SHA=sha,
        PARAM_REF=sha,
        PARAM_REPOSITORY_URL=forge,
        SOURCE=sandbox.root / "source",
        GIT_CONFIG_GLOBAL="/dev/null",
    )
    assert result.code == 0, result.err
    assert result.out == f"fetched {sha}: Fix  ]0;title   txt.exe\n"
