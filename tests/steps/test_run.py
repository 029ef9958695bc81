"""Commands that steps call: bounded, and shown without what would rewrite a log."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from steps import run as commands
from tests.steps.conftest import Sandbox
from tests.support import ROOT


def doing(function: Callable[[], object]) -> Callable[[Mapping[str, str]], None]:
    return lambda _: print(function())


@pytest.mark.parametrize("code", [0, 7])
def test_of_a_command_the_errors_alone_are_changed(sandbox: Sandbox, code: int) -> None:
    sandbox.stub("tool", rf"printf 'out\033[1m'; printf 'bad\033[31m' >&2; exit {code}")
    found: list[commands.Done] = []
    result = sandbox.part(lambda _: found.append(commands.checked(["tool"], {})))
    assert result.code == code
    assert result.err == "bad [31m\n"
    assert [done.out for done in found] == ([] if code else [b"out\x1b[1m"])


def test_what_fails_quietly_is_asked_for_as_such(sandbox: Sandbox) -> None:
    sandbox.stub("tool", "echo told >&2; exit 3")
    result = sandbox.part(doing(lambda: commands.run(["tool"], {})))
    assert (result.code, result.err) == (0, "")
    assert "code=3" in result.out


def test_it_gets_no_variable_but_those_given(sandbox: Sandbox) -> None:
    sandbox.stub("tool", "env")
    result = sandbox.part(doing(lambda: commands.run(["tool"], {"A": "1"}).text), SECRET="x")
    assert "SECRET" not in result.out
    assert "HOME=/nonexistent" in result.out
    assert "A=1" in result.out


@pytest.mark.parametrize("told", [None, b"", b"a secret"])
def test_it_reads_what_it_is_told_and_nothing_else(sandbox: Sandbox, told: bytes | None) -> None:
    sandbox.stub("tool", "cat")
    found: list[commands.Done] = []
    sandbox.part(lambda _: found.append(commands.run(["tool"], {}, told=told)))
    assert (found[0].code, found[0].out) == (0, told or b"")
    assert sandbox.calls == [["tool"]]


def test_one_that_does_not_listen_is_no_failure(sandbox: Sandbox) -> None:
    sandbox.stub("tool", "exec <&-; exit 5")
    found: list[commands.Done] = []
    sandbox.part(lambda _: found.append(commands.run(["tool"], {}, told=b"x" * 1000)))
    assert found[0].code == 5


def test_output_without_end_ends_it(sandbox: Sandbox) -> None:
    sandbox.stub("tool", "while :; do echo more and more; done")
    found: list[commands.Done] = []
    sandbox.part(lambda _: found.append(commands.run(["tool"], {}, bound=1000)))
    assert found[0].cut
    assert len(found[0].out) == 1001
    assert sandbox.part(lambda _: print(commands.run(["tool"], {}).cut)).out == "True\n"


def test_errors_without_end_are_bounded_and_hold_nothing_up(sandbox: Sandbox) -> None:
    sandbox.stub("tool", "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo done")
    found: list[commands.Done] = []
    sandbox.part(lambda _: found.append(commands.run(["tool"], {})))
    assert (found[0].text, len(found[0].errors)) == ("done", 65536)


def test_of_lines_as_many_are_read_as_are_wanted(sandbox: Sandbox) -> None:
    sandbox.stub("tool", "while :; do echo more; done")
    assert sandbox.part(doing(lambda: "more" in commands.lines(["tool"], {}))).out == "True\n"


def test_no_step_calls_a_command_in_another_way() -> None:
    for path in sorted(Path(ROOT / "steps").glob("*.py")):
        assert "subprocess" not in path.read_text() or path.name == "run.py", path.name
