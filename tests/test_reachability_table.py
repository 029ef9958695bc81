"""The table of what pods reach: its text, the one that was agreed on, differences, and the command that prints it."""

import json
from pathlib import Path

import pytest

from offline.reachability.__main__ import main
from offline.reachability.rows import Row, rows
from offline.reachability.table import difference, difference_text, text
from tests.support import STACKS, Declared

GOLDEN = Path(__file__).parent / "golden" / "reachability.txt"


def row(reaches: str, *through: str) -> Row:
    return Row("trigger a/b", "build (Pipeline a/c)", "test", "our script", reaches, through, "a")


def test_a_table_shows_what_follows_from_what() -> None:
    shown = text([row("service account a/x", "volume y"), row("any pod in a", "volume y", "service account a/x", "a right")])
    assert shown == (
        "trigger a/b\n"
        "  build (Pipeline a/c)\n"
        "    test  our script  service account a/x  volume y\n"
        "    test  our script    any pod in a       a right\n\n"
    )


def test_a_difference_shows_what_is_gone_and_what_is_new() -> None:
    old, new = (
        [row("secret a/kept", "volume k"), row("secret a/old", "volume v")],
        [row("secret a/kept", "volume k"), row("x")],
    )
    added, removed = difference(old, new)
    assert difference_text(added, removed) == (
        "trigger a/b\n  build (Pipeline a/c)\n  - test  our script  secret a/old  volume v\n  + test  our script  x\n\n"
    )
    assert difference_text(*difference(old, old)) == "no difference\n"


def test_the_whole_table_is_the_one_that_was_agreed_on(stacks: dict[str, Declared]) -> None:
    objects = [item for name in STACKS for item in stacks[name].objects]
    assert text(rows(objects)) == GOLDEN.read_text(), (
        "what pods can reach has changed: read `python -m offline.reachability --against HEAD`, and accept it with "
        "`python -m offline.reachability staging production > tests/golden/reachability.txt`"
    )


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STACKS]) == 0
    assert capsys.readouterr().out == GOLDEN.read_text()


def test_the_command_prints_data(capsys: pytest.CaptureFixture[str], production: Declared) -> None:
    assert main(["production", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [Row(**(row | {"through": tuple(row["through"])})) for row in printed] == rows(production.objects)


def test_the_command_names_the_stacks_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prodution"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: there is no stack prodution; stacks are ")
    assert all(name in message for name in STACKS)
