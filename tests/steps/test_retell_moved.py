"""That a push moved the base branch, which open pull requests could not be told: told later, once, unless overtaken."""

from typing import Any

import pytest

from tests.steps.report import Reporter, step, task_run
from tests.steps.server import HANG_UP, TOKEN
from tests.steps.test_retell import PROMOTABLE, SHA, ago, last, retold
from tests.steps.test_retell_order import remembering
from tests.steps.thread import Thread

RED = ("failure", "main has moved: update the branch")
OTHER = "a" * 40


def base_moved(minutes: float = 30, *, account: str = "reporter") -> dict[str, Any]:
    """The TaskRun of a push that could not be told."""
    params = {
        "repository": "acme/shop",
        "repository-url": "git@forge:acme/shop.git",
        "base-branch": "main",
        "paths": "shop",
        "context-suffix": "",
        "before": "b" * 40,
        "after": "c" * 40,
    }
    made = task_run("True", account=account, untold='{"what":["heads"],"me":null}')
    made["metadata"] = {"name": f"moved-{minutes:.0f}", "labels": {"tekton.dev/pipelineTask": "base-moved"}}
    made["spec"]["params"] = [{"name": name, "value": value} for name, value in params.items()]
    made["status"]["startTime"] = ago(minutes)
    return made


@pytest.fixture
def opened(reporter: Reporter) -> Reporter:
    """With two open pull requests, and a forge that remembers what it is told."""
    Thread(reporter.forge)
    remembering(reporter.forge)
    reporter.forge.pulls([{"head": {"sha": sha}, "base": {"ref": "main"}, "number": 5} for sha in (SHA, OTHER)])
    return reporter


def test_a_push_that_was_untold_is_told(opened: Reporter) -> None:
    result = retold(opened, [base_moved()])
    assert result.code == 0, result.err
    assert opened.forge.statuses == {(sha, PROMOTABLE[1]): RED for sha in (SHA, OTHER)}
    assert {call.bearer for call in opened.forge.calls} == {TOKEN}


def test_it_is_told_once_whatever_number_of_pushes_were_untold(opened: Reporter) -> None:
    retold(opened, [base_moved(30), base_moved(20)])
    assert len([call for call in opened.forge.calls if call.method == "POST"]) == 2
    opened.forge.calls[:] = [call for call in opened.forge.calls if call.method == "POST"]
    retold(opened, [base_moved(30), base_moved(20)])
    assert len([call for call in opened.forge.calls if call.method == "POST"]) == 2


@pytest.mark.parametrize(("minutes", "stays"), [(29.0, True), (31.0, False)], ids=["since", "before"])
def test_a_head_that_was_found_fresh_since_stays_green(opened: Reporter, minutes: float, stays: bool) -> None:
    green = {"context": PROMOTABLE[1], "state": "success", "created_at": ago(minutes)}
    opened.forge.says(f"/commits/{SHA}/statuses?", [green])
    retold(opened, [base_moved()])
    assert ((SHA, PROMOTABLE[1]) not in opened.forge.statuses) == stays
    assert (OTHER, PROMOTABLE[1]) in opened.forge.statuses


@pytest.mark.parametrize(("looked", "expected"), [(40, "failure"), (25, "success")], ids=["before it", "after it"])
def test_with_a_staging_run_that_was_untold_too_the_one_that_looked_last_is_believed(
    opened: Reporter, looked: float, expected: str
) -> None:
    """The staging run ended later, so it is told first."""
    ran = step("stage", 0)
    ran["terminated"]["startedAt"] = ago(looked)
    staged = task_run("True", ran, reason="serves", promotable="yes")
    retold(opened, [base_moved(30), last(["promotable"], 20)], [staged])
    assert opened.forge.statuses[PROMOTABLE][0] == expected


def test_a_forge_that_is_still_down_is_asked_another_time(opened: Reporter) -> None:
    opened.forge.says("/", {}, HANG_UP)
    assert retold(opened, [base_moved()]).code == 0
    assert opened.forge.calls


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(base_moved(60 * 25), id="long ago"),
        pytest.param(base_moved(account="untrusted"), id="somebody else's"),
    ],
)
def test_what_is_old_or_somebody_elses_word_is_not_told(opened: Reporter, run: dict[str, Any]) -> None:
    assert retold(opened, [run]).code == 0
    assert opened.forge.statuses == {}
