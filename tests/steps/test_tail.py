"""The last lines of a step's log: what a pull request's code prints is text, and bounded."""

import pytest

from steps import tail

PYTEST = """\
running: pytest
FAILED tests/test_price.py::test_total - KeyError: 'price'
========================= 1 failed, 3 passed in 0.10s =========================
"""
BUILDKIT = """\
#9 0.311 KeyError: 'price'
------
 > [test 3/3] RUN pytest:
0.311 KeyError: 'price'
------
Dockerfile:4
--------------------
   4 | >>> RUN pytest
--------------------
error: failed to solve: process "/bin/sh -c pytest" did not complete successfully: exit code: 1
error: the tests failed
"""


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (PYTEST, "FAILED tests/test_price.py::test_total - KeyError: 'price'"),
        (BUILDKIT, "0.311 KeyError: 'price'"),
        (
            "--- FAIL: TestTotal (0.00s)\n    total_test.go:9: 3, not 4\nFAIL\nFAIL\tshop\t0.01s\n",
            "--- FAIL: TestTotal (0.00s)",
        ),
        ("ok 1 - sums\nnot ok 2 - rounds\n1..2\n", "not ok 2 - rounds"),
        ("not ok 2 - adds up\nok 7 - an unknown page is an error\n# failed 1\n", "# failed 1"),
        ("E   KeyError: 'price'\ntests/test_error.py::test_refused PASSED\n3 passed, 0 failed\n", "E   KeyError: 'price'"),
        ("AssertionError: 3 != 4\n\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n", "AssertionError: 3 != 4"),
        (
            "#9 ERROR: process did not complete successfully\nerror: the tests failed\n",
            "#9 ERROR: process did not complete successfully",
        ),
        ("make: *** [Makefile:2: test] Error 1\n", "make: *** [Makefile:2: test] Error 1"),
        ("one\ntwo\n\n", "two"),
        ("", ""),
        ("\n \n", ""),
    ],
    ids=[
        "pytest",
        "BuildKit",
        "go test",
        "TAP",
        "TAP with an error that passed",
        "names of tests that passed",
        "unittest",
        "the builder alone",
        "only a sum",
        "no error",
        "nothing",
        "blank",
    ],
)
def test_the_line_that_says_most(log: str, told: str) -> None:
    assert tail.telling(tail.last(tail.shown(log))) == told


@pytest.mark.parametrize(
    ("log", "lines"),
    [
        ("\x1b[31;1mred\x1b[0m \x1b]0;a title\x07text\x1b]8;;https://evil.example\x1b\\link", ["red textlink"]),
        (" 10%\r 50%\r100% done\r\nnext\r\n", ["100% done", "next"]),
        ("a\x00b\x08c\u202ed\u2028e\ud800f\x9bg", ["a b c d e\ufffdf g"]),
        ("\x1b", []),
        ("one\n\n\n\ntwo\n\n", ["one", "", "two"]),
        ("\tat row 3", ["    at row 3"]),
    ],
    ids=["codes of terminals", "what overwrites itself", "control characters", "half a code", "empty lines", "indented"],
)
def test_nothing_in_it_rules_a_terminal(log: str, lines: list[str]) -> None:
    assert tail.last(tail.shown(log)) == lines


def test_sums_make_room_for_what_they_sum_up() -> None:
    sums = [f"#14 17.76 {number} failed" for number in range(50)]
    log = ["begin", "", "#14 17.76 AssertionError: expected 222 to be 212", " \u276f test/format.test.ts:24:23", *sums]
    there = tail.last(log)
    assert len(there) == tail.LINES
    assert there[:4] == log[:4]
    assert there[-1] == sums[-1]
    assert tail.telling(there) == log[2]
    assert tail.last([*log, "Error: said again"])[-1] == "Error: said again"
    assert tail.last(log[-40:]) == sums[-tail.LINES :], "nothing says why"


def test_it_is_bounded() -> None:
    there = tail.last(tail.shown("x" * 5_000_000 + "\n" + "\n".join(map(str, range(100_000)))))
    assert there == [str(number) for number in range(100_000 - tail.LINES, 100_000)]
    assert tail.last(["y" * 1_000_000]) == ["y" * (tail.WIDTH - 1) + "\u2026"]
