"""plain.sh: what others wrote cannot rewrite a log, or read as something else; the same goes for operate and local."""

import re
import subprocess
import unicodedata
from functools import cache
from pathlib import Path

import pytest

from components.conventions import plain
from components.tasks.step import SCRIPTS
from tests.tasks.scripts.conftest import FETCH, Sandbox, git, needs_jq

# Such as are letters or marks to Unicode, and Default_Ignorable_Code_Point as well:
# https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
IGNORED = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180F, 0x2065, 0x3164, 0xFFA0, 0xFFF0, 0xE0100, 0xE01EF, 0xE0FFF)
# Among these a narrow space, an emoji with the sign that colours it, a combining accent and a text from right to left.
KEPT = "caf\u00e9 \u65e5\u672c \U0001f600 a\u00a0b\u202fc \u2714\ufe0f e\u0301 \u05d0\u0628 '$(touch pwned)' \\u202e \\x1b"

pytestmark = needs_jq


@cache
def unseen() -> tuple[int, ...]:
    """Control characters, line ends of every kind, and what turns the direction of writing, joins, parts or tags unseen."""
    return tuple(code for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp"))


def codes() -> tuple[int, ...]:
    """Return every character that may not come through."""
    return (*unseen(), *IGNORED)


def in_sh(sandbox: Sandbox, text: bytes) -> str:
    script = Path(__file__).parents[3] / "components" / "tasks" / "scripts" / "plain.sh"
    done = subprocess.run(
        [*sandbox.shell, "-c", f". '{script}'; plain"], input=text, capture_output=True, check=True, cwd=sandbox.work
    )
    return done.stdout.decode()


def test_each_character_that_controls_or_is_not_seen_becomes_a_space(sandbox: Sandbox) -> None:
    without_end = [code for code in codes() if code != ord("\n")]
    text = "".join(f"<{chr(code)}>" for code in without_end)
    assert in_sh(sandbox, text.encode()) == "< >" * len(without_end) + "\n"
    assert plain(text) == "< >" * len(without_end)


@pytest.mark.parametrize(
    "code",
    [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0xE0001, 0xE0020, 0xE007F],
    ids=hex,
)
def test_these_are_among_them(code: int) -> None:
    assert code in codes()


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
        **FETCH,
    )
    assert result.code == 0, result.err
    assert result.out == f"fetched {sha}: Fix  ]0;title   txt.exe\n"


@pytest.mark.parametrize("name", ["fetch"])
def test_errors_of_tools_that_talk_to_others_are_shown_plainly(name: str) -> None:
    """A forge's and a registry's words are in them."""
    text = (SCRIPTS / f"{name}.sh").read_text()
    talks = r"(?:git (?:-[cC] \S+ )*fetch|(?:crane|oras|cosign) (?:manifest|config|copy|tag|attest))\b"
    bare = [
        line
        for line in text.splitlines()
        if re.search(talks, line) and not re.search(rf"plainly {talks}", line) and not line.lstrip().startswith("#")
    ]
    assert [line for line in bare if '2>"$SCRATCH/log"' not in line] == []
    assert "plain" in text


@pytest.mark.parametrize("code", [0, 7])
def test_of_a_command_the_errors_alone_are_changed(sandbox: Sandbox, code: int) -> None:
    script = SCRIPTS / "plain.sh"
    body = rf"printf 'out\033[1m'; cat; printf 'bad\033[31m' >&2; exit {code}"
    asked = f"set -eu; . '{script}'; sandboxed() ( {body} ); ended=0; plainly sandboxed || ended=$?; exit $ended"
    done = subprocess.run(
        [*sandbox.shell, "-c", asked],
        input=b"given",
        capture_output=True,
        cwd=sandbox.work,
        env={"PATH": ":".join(map(str, sandbox.path))},
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, b"out\x1b[1mgiven", b"bad [31m\n")
