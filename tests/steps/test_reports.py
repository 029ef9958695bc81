"""The step reports: what tests wrote of themselves becomes one line, and the step ends as they did, whatever they wrote."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from steps import junit, reports, summary
from steps.summary import Count
from tests.steps.conftest import Sandbox
from tests.tasks.scripts.conftest import HOSTILE, Result

SUITE = '<testsuite tests="99" failures="7">{}</testsuite>'
FAILS = '<testcase classname="shop" name="test_login"><failure message="no">Traceback</failure></testcase>'


def read(sandbox: Sandbox, files: Mapping[str, str | bytes], *patterns: str, code: str = "0") -> tuple[Result, str]:
    """The step's end, and what it says."""
    work = sandbox.root / "tested"
    for name, content in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    work.mkdir(exist_ok=True)
    said = sandbox.root / "said"
    result = sandbox.step(
        "reports",
        WORK=work,
        REPORTS="\n".join(patterns or ["**/*.xml"]),
        TEST_EXIT_CODE=sandbox.file("exit-code", code),
        RESULT_TESTS_PATH=said,
    )
    text = said.read_text() if said.exists() else ""
    assert not text or summary.is_one(text), text
    return result, text


# As they are written by: pytest, Maven (a suite without suites around it), PHPUnit and JUnit 5 (suites in suites), Jest,
# GoogleTest, and one that has a namespace.
REPORTS = {
    "pytest": '<?xml version="1.0"?><testsuites><testsuite><testcase name="test_a"/>' + FAILS + "</testsuite></testsuites>",
    "a suite alone": SUITE.format('<testcase name="a"/>' + FAILS),
    "suites in suites": f"<testsuite><testsuite><testsuite>{FAILS}</testsuite><testcase name='a'/></testsuite></testsuite>",
    "cases without a suite": f"<testsuites><testcase name='a'/>{FAILS}</testsuites>",
    "a namespace": f"<j:testsuite xmlns:j='urn:j'><j:testcase name='a'/>{FAILS}</j:testsuite>",
    "a byte order mark": b"\xef\xbb\xbf" + f"<testsuite><testcase name='a'/>{FAILS}</testsuite>".encode(),
    "UTF-16": f"<?xml version='1.0' encoding='utf-16'?><testsuite><testcase name='a'/>{FAILS}</testsuite>".encode("utf-16"),
    "an error and a failure": f"<testsuite><testcase name='a'/>{FAILS.replace('<failure', '<error/><failure')}</testsuite>",
    "output outside of cases": f"<testsuite><system-out>not ok</system-out><testcase name='a'/>{FAILS}<error/></testsuite>",
    "what terminals read": SUITE.format("<testcase name='a'/>" + FAILS.replace("Traceback", "\x1b[31m&#27;&#x1B;")),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_each_test_case_counts_wherever_it_lies(sandbox: Sandbox, report: str | bytes) -> None:
    """And the totals that suites name do not: they are wrong often enough, or of something else."""
    result, said = read(sandbox, {"junit.xml": report})
    assert said == "1 passed, 1 failed: test_login", result.err


@pytest.mark.parametrize(
    "inside",
    ["<testcase name='a'><skipped/></testcase>", "<testcase name='a' status='notrun'/>", "<testcase result='suppressed'/>"],
)
def test_what_was_not_run_is_no_success(sandbox: Sandbox, inside: str) -> None:
    assert read(sandbox, {"junit.xml": SUITE.format(inside)})[1] == "0 passed, 1 skipped"


TAP = """TAP version 14
1..6
ok 1 - test_a
not ok 2 - test_cart # time=3ms
  ---
  message: not ok 9 - in a block
  ...
    ok 1 - below another one
    not ok 2 - below another one
not ok - test_login \\# 3
ok 4 # SKIP no database
not ok 5 - later # TODO write it
okay, this is none
ok
"""


def test_tap_is_read_too(sandbox: Sandbox) -> None:
    assert read(sandbox, {"all.tap": TAP}, "*.tap")[1] == "2 passed, 2 failed, 2 skipped: test_cart, test_login 3"


def test_all_reports_that_a_pattern_names_are_added_up(sandbox: Sandbox) -> None:
    one = SUITE.format(FAILS)
    files = {"a.xml": one, "re/b.xml": one.replace("test_login", "test_cart"), "re/deep/c.xml": one, "re/d.txt": one}
    assert read(sandbox, files, "**/*.xml")[1] == "0 passed, 3 failed: test_login, test_cart"
    assert read(sandbox, files, "re/*.xml", "a.???")[1] == "0 passed, 2 failed: test_login, test_cart"
    assert read(sandbox, files, "re/**/?.xml", "re/b.xml")[1] == "0 passed, 2 failed: test_cart, test_login"


@pytest.mark.parametrize("code", [0, 1, 3, 137, -1])
@pytest.mark.parametrize("report", [FAILS, "<testcase/>", "<", ""])
def test_it_ends_as_the_tests_did_whatever_they_say(sandbox: Sandbox, code: int, report: str) -> None:
    assert read(sandbox, {"junit.xml": SUITE.format(report)}, code=f"{code}\n")[0].code == code


@pytest.mark.parametrize("code", ["", "none", "0x0"])
def test_without_their_end_it_fails(sandbox: Sandbox, code: str) -> None:
    assert read(sandbox, {"junit.xml": SUITE.format("<testcase/>")}, code=code)[0].code != 0


def test_without_a_report_nothing_is_said(sandbox: Sandbox) -> None:
    result, said = read(sandbox, {"other.txt": "ok 1"}, "reports/*.xml")
    assert (result.code, said) == (0, "")
    assert "no report: nothing in reports/*.xml" in result.err


BOMB = "<!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><testsuite><testcase name='&b;'/></testsuite>"
OUTSIDE = "<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><testsuite><testcase name='&a;'/></testsuite>"


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (BOMB, "it declares a document type"),
        (OUTSIDE, "it declares a document type"),
        ("<testsuite><testcase name='&a;'/></testsuite>", "it is no XML: undefined entity"),
        ("<a>" * 2000, "it is too deep"),
        ("<testsuite><testcase/>" + "<a/>" * 1_000_001 + "</testsuite>", "it is too deep, or has too many elements"),
        ("<testsuite><testcase/>", "it is no XML"),
        ("<?xml version='1.0' encoding='none'?><testsuite><testcase/></testsuite>", "it is no XML"),
        ("<html/>", "it has no tests"),
        ("x" * (8 * 1024 * 1024 + 1), "it has more than 8388608 bytes"),
        ("", "it has no tests"),
    ],
    ids=["bomb", "file", "entity", "depth", "elements", "end", "encoding", "other", "size", "empty"],
)
def test_a_hostile_report_is_left_out_and_the_others_count(sandbox: Sandbox, report: str, why: str) -> None:
    result, said = read(sandbox, {"bad.xml": report, "good.xml": SUITE.format(FAILS)})
    assert (result.code, said) == (0, "0 passed, 1 failed: test_login")
    assert f"bad.xml is not counted: {why}" in result.err


def test_links_and_pipes_are_not_followed(sandbox: Sandbox) -> None:
    outside = sandbox.file("outside/junit.xml", SUITE.format(FAILS))
    work = sandbox.root / "tested"
    work.mkdir()
    (work / "file.xml").symlink_to(outside)
    (work / "folder").symlink_to(outside.parent)
    (work / "work").symlink_to(".")
    os.mkfifo(work / "pipe.xml")
    result, said = read(sandbox, {"good.xml": SUITE.format("<testcase/>")})
    assert (result.code, said) == (0, "1 passed")
    assert "file.xml is not counted" in result.err
    assert "pipe.xml is not counted: it is no file" in result.err


def test_no_more_is_read_than_there_is_time_and_memory_for(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{number}.xml": SUITE.format("<testcase/>") for number in range(5)}
    for name, most, counted in (("_FILES", 2, 2), ("_ALL_BYTES", 100, 2), ("_SECONDS", -1, 0), ("_ENTRIES", 4, 0)):
        with monkeypatch.context() as changed:
            changed.setattr(reports, name, most)
            result, said = read(sandbox, files)
        assert (result.code, said) == (0, f"{counted} passed" if counted else ""), name
        assert "more" in result.err, name
        (sandbox.root / "said").unlink(missing_ok=True)


def test_a_mistake_in_reading_fails_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> Count:
        raise MemoryError

    monkeypatch.setattr(junit, "read", broken)
    result, said = read(sandbox, {"junit.xml": SUITE.format(FAILS)}, code="3")
    assert (result.code, said) == (3, "")


NAMES = [
    *HOSTILE,
    "@octocat/team look",
    "https://evil.example/x",
    "www.evil.example",
    "\x1b[31m\u202eover",
    '", success: "',
    "a, b: c",
    "x" * 500,
    "\u00fc\u4e2d",
    "",
    "#12 GH-12",
    "\ud800",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_becomes_one_of_few_signs(name: str) -> None:
    count = Count()
    count.fail(name)
    said = summary.line(count)
    assert summary.is_one(said), said
    assert len(said) <= len("0 passed, 1 failed: ") + 40
    assert not set(said.partition(": ")[2]) & set("@.:\"'`$#<>&\\;,*=")
    assert "//" not in said
    assert said.isascii()
    assert said.isprintable()


def test_the_line_is_short_whatever_there_is() -> None:
    """A pod has 12 KiB for what all its steps say, and a digest among them."""
    count = Count(passed=10**12, skipped=10**12)
    for number in range(1000):
        count.fail(f"{number}" + "x" * 500)
    count.failed = 10**12
    said = summary.line(count)
    assert summary.is_one(said)
    assert len(said) < 200


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        (99, "214 passed, 2 failed: test_login, test_cart"),
        (43, "214 passed, 2 failed: test_login, test_cart"),
        (42, "214 passed, 2 failed: test_login"),
        (31, "214 passed, 2 failed"),
        (19, ""),
        (-5, ""),
    ],
)
def test_names_are_left_out_where_there_is_no_room(longest: int, expected: str) -> None:
    assert summary.shortened("214 passed, 2 failed: test_login, test_cart", longest) == expected


def test_a_file_of_the_largest_size_takes_the_memory_that_the_step_has(tmp_path: Path) -> None:
    """The attributes of one element and the pieces of a text are the most that a parser holds at once."""
    size = 8 * 1024 * 1024
    for hostile in (
        b"<a " + b" ".join(b'%x=""' % number for number in range(0xA00000, 0xA00000 + size // 10)) + b"/>",
        b"<a>" + b"ab&#1;" * (size // 6 - 2) + b"</a>",
    ):
        assert len(hostile) <= size
        path = tmp_path / "hostile.xml"
        path.write_bytes(hostile)
        assert _peak(path) < 450 * 1024


def _peak(path: Path) -> int:
    """How many KiB a process holds at most that reads a report.

    VmHWM and not ru_maxrss: Linux counts into the latter what the process that forked it held (proc(5), getrusage(2)).
    """
    program = (
        "import sys; from pathlib import Path; from steps import junit\n"
        "try: junit.read(Path(sys.argv[1]).read_bytes())\n"
        "except junit.ReportError: pass\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    return int(subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True).stdout)


def test_a_name_is_no_link(sandbox: Sandbox) -> None:
    named = {"a.xml": FAILS.replace("test_login", "[merge](/login)").join(["<testsuite>", "</testsuite>"])}
    assert read(sandbox, named, "*.xml")[1] == "0 passed, 1 failed: [merge] (/login)"
