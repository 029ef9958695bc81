"""The step report: what tests say of themselves is quoted in the commit status if it has its form, and decides nothing."""

from typing import Any

import pytest

from steps import failure
from tests.steps.report import Reporter, step, task_run
from tests.steps.server import SHA

SAID = "214 passed, 2 failed: test_login, test_cart"


def pod_1(status: str, *codes: int, **results: str) -> dict[str, Any]:
    names = ("fetch", "test", "reports", "image")
    return task_run(status, *map(step, names, codes), account="untrusted", **results)


def test_tests_that_failed_are_named(reporter: Reporter) -> None:
    """Tekton lets the step fail and go on, so that the reports are read; the one that reads them ends the same way."""
    reporter.report([pod_1("False", 0, 3, 3, 1, tests=SAID)])
    assert reporter.forge.status == ("failure", f'shop-staging-7: step test failed (exit code 3); tests: "{SAID}"')


def test_tests_that_passed_are_counted(reporter: Reporter) -> None:
    reporter.report([pod_1("True", 0, 0, 0, 0, tests="214 passed"), task_run("True", reason="serves")], "Succeeded")
    assert reporter.forge.status == ("success", 'serves; tests: "214 passed"')


def test_a_forks_tests_are_counted(reporter: Reporter) -> None:
    reporter.report([task_run("True", account="reporter"), pod_1("True", 0, 0, 0, tests="214 passed")], "Succeeded")
    assert reporter.forge.status == ("success", 'shop-staging-7; tests: "214 passed"')


@pytest.mark.parametrize(("status", "state"), [("Succeeded", "success"), ("Failed", "failure")])
@pytest.mark.parametrize("said", [SAID, "214 passed", "0 passed, 9999999 failed"])
def test_what_they_say_decides_no_state(reporter: Reporter, status: str, state: str, said: str) -> None:
    code = 0 if state == "success" else 1
    made = pod_1("True" if code == 0 else "False", 0, code, code, 0, tests=said)
    reporter.report([made, task_run("True", reason="serves")] if code == 0 else [made], status)
    assert reporter.forge.status[0] == state
    assert reporter.forge.status[1].endswith(f'tests: "{said}"')
    assert (SHA, "tekton-delivery/promotable") not in reporter.forge.statuses


@pytest.mark.parametrize(
    "forged",
    [
        "all is well",
        "214 passed\nserves",
        "214 passed\n",
        " 214 passed",
        "214 passed: @octocat",
        "214 passed: see https://evil.example",
        "214 passed: www.evil.example",
        "214 passed: a//evil",
        "213 passed, 1 failed: [merge](/login)",
        '214 passed: "; success',
        "214 passed: a\x1b[31m",
        "214 passed: a\u202eb",
        "214 passed: \u0430",
        "214 passed: a, b, c, d",
        "\u0661 passed",
        "99999999 passed",
        "214 passed: " + "x" * 41,
        "214 passed" * 500,
    ],
)
def test_a_line_of_another_form_is_not_quoted(reporter: Reporter, forged: str) -> None:
    reporter.report([pod_1("False", 0, 1, 1, tests=forged)])
    assert reporter.forge.status == ("failure", "shop-staging-7: step test failed (exit code 1)")


def test_a_line_of_a_form_beside_others_is_quoted(reporter: Reporter) -> None:
    reporter.report([pod_1("False", 0, 1, 1, tests="all is well"), pod_1("True", tests="1 passed")])
    assert reporter.forge.status[1].endswith('tests: "1 passed"')


def test_a_result_that_is_no_text_is_passed_over(reporter: Reporter) -> None:
    made = pod_1("False", 0, 1, 1)
    made["status"]["results"] = [{"name": "tests", "type": "array", "value": ["1 passed"]}]
    reporter.report([made])
    assert reporter.forge.status == ("failure", "shop-staging-7: step test failed (exit code 1)")


def test_names_are_left_out_where_the_status_has_no_room(reporter: Reporter) -> None:
    reason = "serves on staging: sha256:" + "a" * 64
    reporter.report([pod_1("True", 0, 0, 0, 0, tests=SAID), task_run("True", reason=reason)], "Succeeded")
    assert reporter.forge.status == ("success", f'{reason}; tests: "214 passed, 2 failed: test_login"')
    reporter.report([pod_1("True", 0, 0, 0, 0, tests=SAID), task_run("True", reason="x" * 500)], "Succeeded")
    assert reporter.forge.status == ("success", "x" * 139)


def test_a_stage_whose_run_failed_is_failed_tests(reporter: Reporter) -> None:
    reporter.report([task_run("False", step("fetch", 0), step("image", failure.TESTS_FAILED), account="untrusted")])
    assert reporter.forge.status == ("failure", "shop-staging-7: tests failed (step image)")


@pytest.mark.parametrize(("name", "code"), [("image", 1), ("test", failure.TESTS_FAILED)])
def test_any_other_end_is_told_as_ever(reporter: Reporter, name: str, code: int) -> None:
    reporter.report([task_run("False", step("fetch", 0), step(name, code), account="untrusted")])
    assert reporter.forge.status == ("failure", f"shop-staging-7: step {name} failed (exit code {code})")
