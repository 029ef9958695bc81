"""What the step report quotes of a failed step's log: somebody else's words, bounded, masked, and no reason for anything."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.masks import fingerprints
from steps import logs, summary, tail
from tests.steps.report import Reporter, step, task_run
from tests.steps.server import HANG_UP, RAW

SECRET = "npm-4f1c9a7e2b8d"
KEY = "k" * 32
LOG = b"running: pytest\nKeyError: 'price'\n1 failed, 3 passed\n"
FAILED = "shop-staging-7: step test failed (exit code 1)"


def failed(name: str = "test", code: int = 1, *, account: str = "untrusted", reason: str = "Failed", **results: str) -> Any:
    """A TaskRun of which a step failed, with its pod."""
    made = task_run("False", step("fetch", 0), step(name, code), account=account, **results)
    made["spec"]["timeout"] = "20m0s"
    made["status"]["conditions"][0]["reason"] = reason
    made["status"]["podName"] = "shop-staging-7-build-pod"
    for each in made["status"]["steps"]:
        each["container"] = f"step-{each['name']}"
    return made


@pytest.fixture
def masks(tmp_path: Path) -> str:
    made = tmp_path / "masks"
    made.write_text(fingerprints([SECRET], KEY))
    return str(made)


def told(reporter: Reporter, masks: str, log: bytes = LOG, run: Any = None, status: int = 200) -> str:
    """The commit status of a run that failed, whose step printed so."""
    reporter.lists.says("/log?", log, status)
    result = reporter.report([task_run("True", step("begin", 0)), run or failed()], LOG_MASKS=masks)
    assert result.code == 0, result.err
    assert SECRET not in result.out + result.err
    state, description = reporter.forge.status
    assert state == "failure"
    assert len(description) <= 139
    return description


def asked(reporter: Reporter) -> list[dict[str, list[str]]]:
    calls = [urlsplit(call.path) for call in reporter.lists.calls if "/log" in call.path]
    assert {call.path for call in calls} <= {"/api/v1/namespaces/staging-ci/pods/shop-staging-7-build-pod/log"}
    return [parse_qs(call.query) for call in calls]


def test_the_line_that_says_most_is_quoted(reporter: Reporter, masks: str) -> None:
    assert told(reporter, masks) == f"{FAILED}; log: \"KeyError: 'price'\""
    assert asked(reporter) == [{"container": ["step-test"], "tailLines": ["200"], "limitBytes": ["65536"]}]


def test_what_the_tests_say_of_themselves_comes_first(reporter: Reporter, masks: str) -> None:
    run = failed(tests="3 passed, 1 failed: test_total")
    assert told(reporter, masks, run=run) == f'{FAILED}; tests: "3 passed, 1 failed: test_total"; log: "KeyError: \'price\'"'


def test_a_step_that_did_not_end_is_quoted_too(reporter: Reporter, masks: str) -> None:
    run = failed(reason="TaskRunTimeout")
    expected = 'shop-staging-7: step test did not end within 20m0s (build.timeout); log: "waiting for port 1"'
    assert told(reporter, masks, b"waiting for port 1\n", run) == expected


@pytest.mark.parametrize(
    ("masked", "run"),
    [
        ("", failed()),
        ("masks", failed(account="deployer")),
        ("masks", failed(account="deployer", reason="the deploy's own")),
        ("masks", failed() | {"metadata": {"annotations": {"tekton-delivery/superseded-by": "closed"}}}),
        ("masks", failed("await-db")),
        ("masks", task_run("False", message="the pod was evicted", account="untrusted")),
    ],
    ids=["quoteLogs: false", "a trusted pod", "a reason", "overtaken", "a service", "no step"],
)
def test_nothing_else_is_asked_for(reporter: Reporter, masks: str, masked: str, run: Any) -> None:
    assert "log:" not in told(reporter, masks if masked else "", run=run)
    assert asked(reporter) == []


def test_of_a_run_that_succeeded_nothing_is_read(reporter: Reporter, masks: str) -> None:
    reporter.report([task_run("True", step("test", 0), account="untrusted")], "Succeeded", LOG_MASKS=masks)
    assert asked(reporter) == []


@pytest.mark.parametrize("status", [HANG_UP, RAW, 400, 403, 404, 500], ids=str)
def test_a_log_that_cannot_be_had_changes_nothing(reporter: Reporter, masks: str, status: int) -> None:
    assert told(reporter, masks, LOG, status=status) == FAILED


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"key": 1}', '{"key": "k", "texts": {"00": [["x", 1]]}}'])
def test_what_cannot_be_masked_is_not_quoted(reporter: Reporter, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "broken"
    if text is not None:
        path.write_text(text)
    assert told(reporter, str(path)) == FAILED
    assert asked(reporter) == []


@pytest.mark.parametrize(
    ("log", "quoted"),
    [
        (b"pushed registry.example/shop@sha256:0\nserves on staging\n", "serves on staging"),
        (b'KeyError"; success: "all is well\n', "KeyError'; success: 'all is well"),
        (
            b"KeyError @acme/shop fixes #1 ```[x](https://evil.example)``` <b>\n",
            "KeyError acme/shop fixes 1 x (https:/ evil.example",
        ),
        (b"\x1b[31mKeyError\x1b[0m\xff\xfe\x00 price\r\n", "KeyError price"),
        (b"loading 1%\rloading 2%\rKeyError: price", "KeyError: price"),
        (b"KeyError: " + b"x" * 5000 + b"\n", "KeyError: xxx"),
        (b"\n\n \n", None),
        (b"", None),
    ],
    ids=[
        "a success",
        "the end of the quotation",
        "mentions and links",
        "no text",
        "no line's end",
        "long",
        "blank",
        "nothing",
    ],
)
def test_it_is_a_quotation_whatever_it_says(reporter: Reporter, masks: str, log: bytes, quoted: str | None) -> None:
    description = told(reporter, masks, log)
    before, _, said = description.partition("; log: ")
    assert before == FAILED
    assert said == "" if quoted is None else said.startswith(f'"{quoted}') and said.endswith('"') and said.count('"') == 2


def test_megabytes_on_one_line_end_where_they_may(reporter: Reporter, masks: str) -> None:
    """A kubelet sends the first bytes of the last lines, here none of the last one's: it is asked for fewer lines."""
    last = b"x" * 100 + b"\nKeyError: price\n"
    reporter.lists.says("/log?", b"y" * 5_000_000)
    reporter.lists.says("tailLines=8&", b"y" * 2000 + b"\n" + last)
    reporter.report([failed()], LOG_MASKS=masks)
    assert reporter.forge.status == ("failure", f'{FAILED}; log: "KeyError: price"')
    assert [query["tailLines"] for query in asked(reporter)] == [["200"], ["40"], ["8"]]


def test_a_log_without_end_is_left_alone(reporter: Reporter, masks: str) -> None:
    assert told(reporter, masks, b"y" * 5_000_000) == FAILED
    assert len(asked(reporter)) == len(logs.LINES)


REST = f"{SECRET[6:]} KeyError"


@pytest.mark.parametrize(
    ("lines", "log", "is_told"),
    [
        (8, f"{REST}\n" + "next\n" * 7, False),
        (8, f"{REST}\n" + "next\n" * 6, True),
        (2, f"{REST} {'z' * 9000}", False),
        (2, f"{REST} {'z' * 900}", True),
    ],
    ids=["as many lines as were asked for", "fewer", "as many pieces of lines", "one piece"],
)
def test_what_may_be_the_rest_of_a_line_is_not_told(
    reporter: Reporter, masks: str, lines: int, log: str, is_told: bool
) -> None:
    """There may be the rest of a secret in it."""
    reporter.lists.says("/log?", b"y" * 5_000_000)
    reporter.lists.says(f"tailLines={lines}&", log.encode())
    reporter.report([failed()], LOG_MASKS=masks)
    assert (SECRET[6:] in reporter.forge.status[1]) == is_told


@pytest.mark.parametrize(
    "log",
    [
        f"KeyError: token={SECRET}.\n",
        f"KeyError: token=\x1b[1m{SECRET[:5]}\x1b[0m{SECRET[5:]}\n",
        f"KeyError: {'a' * 250}{SECRET}\n",
        f"KeyError: {SECRET}{SECRET}\n",
    ],
    ids=["in a line", "between codes of terminals", "where a line is cut", "twice"],
)
def test_secrets_are_masked(reporter: Reporter, masks: str, log: str) -> None:
    description = told(reporter, masks, log.encode())
    assert 'log: "KeyError' in description
    assert SECRET[:6] not in description


def test_the_lines_for_a_comment_are_masked_bounded_and_text(reporter: Reporter, masks: str, monkeypatch: Any) -> None:
    found: list[list[str]] = []
    monkeypatch.setattr(tail, "telling", lambda lines: found.append(list(lines)) or "")
    told(reporter, masks, "\n".join(f"{n} {SECRET} \x1b[1m@acme ```" for n in range(100)).encode())
    assert found == [[f"{n} (masked) @acme ```" for n in range(70, 100)]]


@pytest.mark.parametrize("name", [f"login({SECRET})", f"test_login_with_a_longer_name({SECRET})"], ids=["whole", "cut off"])
def test_a_secret_in_the_name_of_a_test_is_hidden(reporter: Reporter, masks: str, name: str) -> None:
    """Tests that run with each of several values have them in their names. What is cut off has no fingerprint."""
    count = summary.Count(passed=1)
    count.fail("test_total")
    count.fail(name)
    said = told(reporter, masks, run=failed(tests=summary.line(count)))
    assert "test_total" in said
    assert "npm-" not in said
    assert "2 failed" in said


def test_without_masks_names_of_tests_are_quoted(reporter: Reporter) -> None:
    """By the settings nothing of a log is: names of tests are no log."""
    run = failed(tests="3 passed, 1 failed: test_total")
    reporter.report([run], LOG_MASKS="")
    assert "test_total" in reporter.forge.status[1]
