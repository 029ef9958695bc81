"""The step begin: the head's run cancels the older ones and tells; a run of another commit ends itself, and no other one."""

from typing import Any

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import AT, SHA, Api, Forge
from tests.steps.test_supersede import cancelled, given, pull, run, waits
from tests.tasks.scripts.conftest import Result

__all__ = ["waits"]

OTHER = "f" * 40
# As webhooks came: that of the newer commit first.
RUNS = [run("newer-commit", 1), run("mine", 2)]


@pytest.fixture
def begin(sandbox: Sandbox, lists: Api, asked: Forge) -> Any:
    def begun(runs: list[dict[str, Any]] = RUNS) -> Result:
        lists.has("pipelineruns", runs)
        status = {
            "PARAM_HEAD_SHA": SHA,
            "ENVIRONMENT": "staging",
            "CONTEXT_SUFFIX": "",
            "WAITS_FOR": "tests, image and rollout have started",
        }
        return sandbox.step("begin", **given(sandbox, lists, asked, "mine") | status)

    return begun


def test_the_heads_run_cancels_the_older_ones_and_says_that_it_has_started(
    begin: Any, lists: Api, asked: Forge, waits: list[float]
) -> None:
    asked.says("/pulls/7", pull("open"))
    assert begin([run("older", 1), run("mine", 2), run("newer", 3)]).code == 0
    assert cancelled(lists, SHA) == ["older"]
    assert asked.status[0] == "pending"
    assert asked.asked == [f"GET {AT}/pulls/7", f"POST {AT}/statuses/{SHA}"], "one question, at once"
    assert waits == []


@pytest.mark.parametrize(
    ("now", "by"),
    [
        pytest.param(pull("open", head=OTHER), OTHER, id="another head"),
        pytest.param(pull("closed", head=OTHER, merged=True), OTHER, id="merged with another head"),
        pytest.param(pull("closed"), "closed", id="closed"),
        pytest.param(pull("open", base="other"), "moved", id="to another branch"),
    ],
)
def test_what_is_not_to_be_staged_any_more_ends_itself_and_no_other_run(
    begin: Any, lists: Api, asked: Forge, waits: list[float], now: dict[str, Any], by: str
) -> None:
    asked.says("/pulls/7", now)
    assert begin().code != 0, "its run is cancelled, and was waited for"
    assert cancelled(lists, by) == ["mine"]
    assert asked.statuses == {}, "the last step tells"
    assert waits.pop() == 60, "until Tekton has ended it"
    assert 10 <= sum(waits) <= 20


def test_a_merged_head_goes_on(begin: Any, lists: Api, asked: Forge) -> None:
    """The next environment waits for what is said of it."""
    asked.says("/pulls/7", pull("closed", merged=True, base="other"))
    assert begin().code == 0
    assert cancelled(lists, SHA) == ["newer-commit"]


def test_a_forge_that_does_not_know_its_own_head_yet_is_asked_again(
    begin: Any, lists: Api, asked: Forge, waits: list[float]
) -> None:
    asked.says("/pulls/7", pull("open"))
    asked.says("/pulls/7", pull("open", head=OTHER), times=2)
    assert begin().code == 0
    assert cancelled(lists, SHA) == ["newer-commit"]
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(
    ("answer", "status"),
    [({}, 403), ({}, 404), ("text", 200), ({"head": None}, 200), (pull("open", head="main"), 200)],
)
def test_where_the_forge_does_not_say_nothing_is_cancelled_and_it_goes_on(
    begin: Any, lists: Api, asked: Forge, answer: Any, status: int
) -> None:
    """The rollout asks git, which knows as well."""
    asked.says("/pulls/7", answer, status)
    assert begin().code == 0
    assert cancelled(lists) == []
    assert asked.status[0] == "pending"


def test_that_the_forge_takes_no_status_keeps_no_older_run_going(begin: Any, lists: Api, asked: Forge) -> None:
    asked.says("/pulls/7", pull("open"))
    asked.says("/statuses/", {}, 422)
    assert begin().code == 0
    assert cancelled(lists, SHA) == ["newer-commit"]
