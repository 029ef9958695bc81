"""What is told late about several runs, and what a busy forge may cost: no older word hides a newer one, nothing stalls."""

from typing import Any

import pytest

from tests.steps.report import Reporter, step, task_run
from tests.steps.server import RAW, SHA, Forge
from tests.steps.test_comment import at
from tests.steps.test_comments import settled
from tests.steps.test_retell import ENVIRONMENT, PROMOTABLE, STAGED, ago, last, reported, retold
from tests.steps.thread import Thread

__all__ = ["settled"]


def remembering(forge: Forge) -> None:
    """Have the forge say of commits what it was told, as of now."""

    def answer(method: str, path: str) -> tuple[int, Any] | None:
        if method != "GET" or "/statuses?" not in path:
            return None
        made = [call for call in forge.calls if call.method == "POST" and path.split("/")[-2] in call.path]
        return 200, [call.body | {"created_at": ago(0)} for call in reversed(made) if "context" in call.body]

    forge.answers.insert(0, answer)


def test_of_two_runs_of_a_commit_the_newer_ones_end_is_what_stays(reporter: Reporter) -> None:
    """Neither could be told: the word about the older one is no newer word, though it would be said now."""
    thread = Thread(reporter.forge)
    remembering(reporter.forge)
    older = at("20261122180000")
    ended = [last(["staging", "comment"], minutes=40), last(["staging", "comment"], minutes=20)]
    ended[0]["spec"]["params"] = [
        each | {"value": {"run": older, "status": "Succeeded"}.get(each["name"], each["value"])}
        for each in ended[0]["spec"]["params"]
    ]
    ended[1]["spec"]["params"] = [
        each | ({"value": "Failed"} if each["name"] == "status" else {}) for each in ended[1]["spec"]["params"]
    ]
    reporter.lists.says(f"pipelineRun%3D{older}", {"items": [STAGED], "metadata": {}})
    failed = task_run("False", step("stage", 1), reason="did not get ready")
    assert retold(reporter, ended, [failed]).code == 0
    assert reporter.forge.statuses[ENVIRONMENT] == ("failure", "did not get ready")
    assert "### staging: failed" in thread.mine[0]


def test_a_late_green_is_no_word_against_a_merge_that_came_before_it(reporter: Reporter) -> None:
    """Staging looked, the branch moved, and neither could be told: two jobs tell it, whichever comes first."""
    Thread(reporter.forge)
    remembering(reporter.forge)
    looked = step("stage", 0)
    looked["terminated"]["startedAt"] = ago(50)
    retold(reporter, [last(["promotable"], 45)], [task_run("True", looked, reason="serves", promotable="yes")])
    state, description = reporter.forge.statuses[PROMOTABLE]
    assert state == "success"
    assert "has not moved since" not in description, "which nobody has looked at now"
    reporter.forge.pulls([{"head": {"sha": SHA}, "base": {"ref": "main"}, "number": 12}])
    retold(reporter, [last(["heads"], 40)], [task_run("True", reason="serves")], after_merge=True)
    assert reporter.forge.statuses[PROMOTABLE] == ("failure", "main has moved: update the branch")


def test_a_late_green_of_a_run_that_knew_the_merge_stays(reporter: Reporter) -> None:
    Thread(reporter.forge)
    remembering(reporter.forge)
    looked = step("stage", 0)
    looked["terminated"]["startedAt"] = ago(30)
    retold(reporter, [last(["promotable"], 25)], [task_run("True", looked, reason="serves", promotable="yes")])
    reporter.forge.pulls([{"head": {"sha": SHA}, "base": {"ref": "main"}, "number": 12}])
    retold(reporter, [last(["heads"], 40)], [task_run("True", reason="serves")], after_merge=True)
    assert reporter.forge.statuses[PROMOTABLE][0] == "success"


@pytest.mark.parametrize("busy", ["/statuses/a", "/commits/a"])
def test_a_forge_that_has_had_enough_is_not_asked_about_each_head(reporter: Reporter, busy: str) -> None:
    """Each would wait for minutes, and a step that is cut off leaves nothing to be told later."""
    Thread(reporter.forge)
    reporter.forge.pulls(
        [{"head": {"sha": letter * 40}, "base": {"ref": "main"}, "number": 5} for letter in ("a", "b", "c")]
    )
    reporter.forge.says(busy, {}, 429)
    result, left = reported(reporter, [task_run("True", reason="serves")], AFTER_MERGE="true")
    assert (result.code, left["what"]) == (0, ["heads"])
    assert not [call for call in reporter.forge.calls if "b" * 40 in call.path]


def test_a_comment_is_not_waited_for_as_a_status_is(reporter: Reporter) -> None:
    """It is told later, and a run that begins or ends has other things to do."""
    Thread(reporter.forge)
    busy = b"HTTP/1.1 403 No\r\nConnection: close\r\nRetry-After: 60\r\nContent-Length: 2\r\n\r\n{}"
    reporter.forge.says("/issues/", busy, RAW)
    result, left = reported(reporter, [STAGED])
    assert (result.code, left["what"]) == (0, ["comment"])
    assert sum(reporter.forge.waited) < 5
