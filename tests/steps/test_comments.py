"""How the one comment on a pull request is found again, written, and not lost when two runs write at once."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from steps.comment import MARKER, sections, with_section
from tests.steps.conftest import Sandbox
from tests.steps.server import AT, SHA, TOKEN, Forge
from tests.steps.test_comment import at, section
from tests.steps.thread import ME, SOMEBODY, Thread
from tests.tasks.scripts.conftest import Result

RUN = at("20261122184131")


@pytest.fixture(params=["github", "gitea"])
def thread(asked: Forge, request: pytest.FixtureRequest) -> Thread:
    return Thread(asked, gitea=request.param == "gitea")


@pytest.fixture(autouse=True)
def settled() -> Iterator[mock.Mock]:
    with mock.patch("steps.comments.settle") as made:
        yield made


def announce(sandbox: Sandbox, forge: Forge, **changed: Any) -> Result:
    """Run the smallest step that writes the comment."""
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_HEAD_SHA": SHA,
        "ENVIRONMENT": "staging",
        "CONTEXT_SUFFIX": "",
        "API_URL": forge.api,
        "WAITS_FOR": "waits for 1 of ana to approve",
        "TOKEN_FILE": str(sandbox.file("token", TOKEN)),
        "COMMENT_RIGHTS": '{"pull_requests": "write"}',
        "PARAM_RUN": RUN,
        "PARAM_PULL_REQUEST": "12",
        "PARAM_APPLICATION": "shop",
        "PARAM_ENVIRONMENT_URL": "https://shop.example",
        "RUN_AGAIN": "",
    }
    return sandbox.step("announce", **env | changed)


def test_the_first_run_makes_the_comment_and_the_next_one_changes_it(sandbox: Sandbox, asked: Forge, thread: Thread) -> None:
    thread.add(SOMEBODY, "Looks good to me")
    assert announce(sandbox, asked).code == 0
    (first,) = thread.mine
    assert first.startswith(f"{MARKER}\n")
    assert "waits for 1 of ana to approve" in first
    announce(sandbox, asked, PARAM_RUN=at("20261122190000"), WAITS_FOR="waits for bob")
    (second,) = thread.mine
    assert "waits for bob" in second
    assert "ana" not in second
    assert thread.written == ["POST", "PATCH"]


def test_what_is_said_already_is_not_written_again(sandbox: Sandbox, asked: Forge, thread: Thread) -> None:
    announce(sandbox, asked)
    announce(sandbox, asked)
    assert thread.written == ["POST"]


def test_somebody_elses_comment_with_the_marker_is_neither_changed_nor_believed(
    sandbox: Sandbox, asked: Forge, thread: Thread
) -> None:
    forged = with_section("", section(run=at("20261122235959"), reason="believe me"))
    number = thread.add(SOMEBODY, forged)
    announce(sandbox, asked)
    assert thread.comments[number] == (SOMEBODY, forged)
    (mine,) = thread.mine
    assert "believe me" not in mine


def test_a_comment_of_ours_that_only_quotes_the_marker_is_another_one(
    sandbox: Sandbox, asked: Forge, thread: Thread
) -> None:
    """The token may be that of somebody who also writes."""
    number = thread.add(ME, f"It begins with\n{MARKER}")
    announce(sandbox, asked)
    assert thread.comments[number][1] == f"It begins with\n{MARKER}"
    assert len(thread.mine) == 2


def test_the_comment_is_found_behind_many_others(sandbox: Sandbox, asked: Forge, thread: Thread) -> None:
    for _ in range(100):
        thread.add(SOMEBODY, MARKER)
    thread.add(ME, with_section("", section(key="production")))
    announce(sandbox, asked)
    (mine,) = thread.mine
    assert sections(mine).keys() == {"production", "staging"}


def test_of_two_runs_that_make_it_at_once_the_older_comment_stays_with_both_sections(
    sandbox: Sandbox, asked: Forge, thread: Thread
) -> None:
    other = with_section("", section(key="production", reason="the other run's"))
    thread.before["POST"] = [lambda: thread.add(ME, other)]
    announce(sandbox, asked)
    (mine,) = thread.mine
    assert sections(mine).keys() == {"production", "staging"}
    assert thread.written == ["POST", "DELETE", "PATCH"]


def test_a_section_that_another_run_has_undone_is_written_again(
    sandbox: Sandbox, asked: Forge, thread: Thread, settled: mock.Mock
) -> None:
    number = thread.add(ME, with_section("", section(key="production", reason="first")))
    undone = with_section("", section(key="production", reason="read before ours was there"))

    def undo() -> None:
        if settled.call_count == 1:
            thread.comments[number] = ME, undone

    settled.side_effect = undo
    announce(sandbox, asked)
    (mine,) = thread.mine
    assert "read before ours was there" in mine
    assert "waits for 1 of ana" in mine
    assert thread.written == ["PATCH", "PATCH"]


def test_two_runs_that_undo_each_other_for_good_do_not_go_on_for_ever(
    sandbox: Sandbox, asked: Forge, thread: Thread, settled: mock.Mock
) -> None:
    number = thread.add(ME, with_section("", section(key="production")))

    def undo() -> None:
        thread.comments[number] = ME, with_section("", section(key="production"))

    settled.side_effect = undo
    result = announce(sandbox, asked)
    assert result.code == 0
    assert "may be missing there" in result.err
    assert thread.written == ["PATCH"] * 4


def test_where_nobody_else_writes_nobody_waits(sandbox: Sandbox, asked: Forge, thread: Thread, settled: mock.Mock) -> None:
    announce(sandbox, asked)
    announce(sandbox, asked, PARAM_RUN=at("20261122190000"))
    assert settled.call_count == 0
    announce(sandbox, asked, CONTEXT_SUFFIX="/shop")
    assert settled.call_count == 1, "a repository of several applications"


def test_a_run_that_a_later_one_has_overtaken_leaves_its_section(sandbox: Sandbox, asked: Forge, thread: Thread) -> None:
    announce(sandbox, asked, PARAM_RUN=at("20261122190000"), WAITS_FOR="the later one")
    announce(sandbox, asked, PARAM_RUN=at("20261122185959"), WAITS_FOR="the earlier one")
    (mine,) = thread.mine
    assert "the later one" in mine
    assert "the earlier one" not in mine


@pytest.mark.parametrize("status", [401, 403, 404, 500, 429])
def test_a_forge_that_takes_no_comment_stops_nothing(sandbox: Sandbox, asked: Forge, thread: Thread, status: int) -> None:
    thread.refuses = status
    result = announce(sandbox, asked)
    assert result.code == 0
    assert "the comment on the pull request is not written" in result.err
    assert ("set forge.comment: false" in result.err) == (status not in (500, 429))
    assert asked.statuses[SHA, "tekton-delivery/staging"][0] == "pending"


@pytest.mark.parametrize("answer", [{}, {"creator": None}, {"creator": {"id": "7"}}, [], {"creator": {"login": "me"}}])
def test_who_is_not_told_who_it_is_writes_nothing(sandbox: Sandbox, asked: Forge, thread: Thread, answer: Any) -> None:
    asked.says("/statuses/", answer, 201, method="POST")
    thread.add(ME, with_section("", section()))
    result = announce(sandbox, asked)
    assert result.code == 0
    assert "does not say whose the token is" in result.err
    assert thread.written == []


def test_without_the_setting_nothing_is_asked(sandbox: Sandbox, asked: Forge, thread: Thread) -> None:
    announce(sandbox, asked, COMMENT_RIGHTS="")
    assert asked.asked == [f"POST {AT}/statuses/{SHA}"]


@pytest.mark.parametrize("answer", [{}, [{"id": "x"}], [{"id": 1, "body": None}], b"<html>", [None]])
def test_comments_that_are_none_are_no_reason_to_write(sandbox: Sandbox, asked: Forge, thread: Thread, answer: Any) -> None:
    asked.says("/issues/", answer)
    result = announce(sandbox, asked)
    assert result.code == 0
    assert "is not written" in result.err
    assert thread.written == []


def test_a_list_that_does_not_have_the_comment_yet_leads_to_no_second_one(
    sandbox: Sandbox, asked: Forge, thread: Thread
) -> None:
    """Forges answer lists from copies that lag behind."""
    asked.says("/issues/12/comments?", [])
    announce(sandbox, asked)
    assert thread.written == ["POST"]
    assert len(thread.mine) == 1


def test_a_comment_of_an_account_that_is_gone_keeps_ours_from_nothing(
    sandbox: Sandbox, asked: Forge, thread: Thread
) -> None:
    asked.says("/issues/12/comments?", [{"id": 5, "user": None, "body": MARKER}, {"id": 6, "user": {"id": 9}, "body": None}])
    announce(sandbox, asked)
    assert thread.written == ["POST"]


def test_what_is_no_matter_of_rights_is_not_called_one(sandbox: Sandbox, asked: Forge, thread: Thread) -> None:
    asked.says("/issues/", {"message": "no"}, 422)
    told = announce(sandbox, asked).err
    assert "answers 422" in told
    assert "the comment on the pull request is not written" in told
    assert "give the token the right" not in told
