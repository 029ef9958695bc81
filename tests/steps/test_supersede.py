"""The step supersede: a rejection ends the older runs of its pull request, unless it comes after it was reopened."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import SHA, TOKEN, Api, Forge
from tests.tasks.scripts.conftest import Result

RUNS = "/apis/tekton.dev/v1/namespaces/staging-ci/pipelineruns"


def run(
    name: str, second: int, *, event: str = "pull-request", done: bool = False, cancelled: bool = False
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": f"2026-11-22T17:20:{second:02}Z",
            "labels": {"tekton-delivery/event": event},
        },
        "spec": {"status": "CancelledRunFinally"} if cancelled else {},
        "status": {"completionTime": "2026-11-22T17:21:00Z"} if done else {},
    }


def pull(state: str = "closed", *, merged: bool = False, base: str = "main", head: str = SHA) -> dict[str, Any]:
    return {"state": state, "merged": merged, "head": {"sha": head}, "base": {"ref": base}}


@pytest.fixture(autouse=True)
def waits(asked: Forge) -> list[float]:
    """A forge that says what the webhook said, unless a test says otherwise; how long it was waited for."""
    asked.says("/pulls/7", pull())
    return asked.waited


def given(sandbox: Sandbox, lists: Api, asked: Forge, name: str) -> dict[str, Any]:
    return {
        "PARAM_PULL_REQUEST": "7",
        "PARAM_RUN": name,
        "PARAM_BASE_BRANCH": "main",
        "PARAM_REPOSITORY": "acme/shop",
        "APPLICATION": "shop",
        "NAMESPACE": "staging-ci",
        "API_URL": asked.api,
        "TOKEN_FILE": sandbox.file("token", TOKEN),
        **lists.env,
    }


@pytest.fixture
def supersede(sandbox: Sandbox, lists: Api, asked: Forge) -> Any:
    def run(name: str, runs: list[dict[str, Any]] | None = None) -> Result:
        if runs is not None:
            lists.has("pipelineruns", runs)
        return sandbox.step("supersede", **given(sandbox, lists, asked, name))

    return run


def cancelled(lists: Api, by: str = "closed") -> list[str]:
    patches = [call for call in lists.calls if call.method == "PATCH"]
    for call in patches:
        assert call.headers["Content-Type"] == "application/merge-patch+json"
        # Finally tasks still run, so the older commit's status does not stay pending.
        note = {"annotations": {"tekton-delivery/superseded-by": by}}
        assert call.body == {"metadata": note, "spec": {"status": "CancelledRunFinally"}}
    return [call.path.removeprefix(f"{RUNS}/").partition("?")[0] for call in patches]


def test_older_runs_are_cancelled_and_only_those(supersede: Any, lists: Api) -> None:
    runs = [
        run("oldest", 1),
        run("older", 2),
        run("ended", 2, done=True),
        run("cancelled-already", 2, cancelled=True),
        run("way-back", 2, event="rejected"),
        run("mine", 3),
        run("newer", 4),
    ]
    result = supersede("mine", runs)
    assert result.code == 0, result.err
    assert cancelled(lists) == ["oldest", "older"]


def test_only_runs_of_this_pull_request_and_application_are_asked_for(supersede: Any, lists: Api) -> None:
    supersede("mine", [run("mine", 3)])
    (call,) = lists.calls
    path, _, query = call.path.partition("?")
    assert path == RUNS
    assert parse_qs(query)["labelSelector"] == ["tekton-delivery/pull-request=7,app.kubernetes.io/name=shop"]


def test_of_two_runs_of_one_second_one_goes_on(supersede: Any, lists: Api) -> None:
    """Kubernetes writes times to the second: each of the two must come to the same conclusion."""
    runs = [run("a", 3), run("b", 3)]
    survivors = []
    for name in ("a", "b"):
        lists.calls.clear()
        assert supersede(name, runs).code == 0
        survivors += sorted({"a", "b"} - set(cancelled(lists)) - {name})
    assert len(survivors) == 1


def test_a_rejection_ends_everything_up_to_it(supersede: Any, lists: Api) -> None:
    runs = [run("older", 2), run("same-second", 3), run("a-way-back", 3, event="rejected"), run("reopened", 4)]
    assert supersede("a-way-back", runs).code == 0
    assert cancelled(lists) == ["older", "same-second"]


def test_runs_that_cannot_be_listed_fail_the_step(supersede: Any, lists: Api) -> None:
    lists.refuses("/pipelineruns?", "forbidden")
    result = supersede("mine")
    assert result.code != 0
    assert "forbidden" in result.err


@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param({"status": {}}, 1, id="goes on"),
        pytest.param("Forbidden", 1, id="cannot be asked"),
        pytest.param({"status": {"completionTime": "2026-11-22T17:21:00Z"}}, 0, id="ended meanwhile"),
        pytest.param("NotFound", 0, id="is gone"),
    ],
)
def test_a_run_that_cannot_be_cancelled_keeps_no_other_going(
    supersede: Any, lists: Api, state: str | dict[str, Any], code: int
) -> None:
    if isinstance(state, str):
        lists.refuses("/stuck", reason=state)
    else:
        lists.says("/stuck", state)
    lists.refuses("/stuck", "denied", method="PATCH")
    result = supersede("mine", [run("older", 1), run("stuck", 1), run("old", 2), run("mine", 3)])
    assert cancelled(lists) == ["older", "stuck", "old"]
    assert result.code == code, result.err
    assert "denied" in result.err


@pytest.mark.parametrize(
    "now",
    [pull("open"), pull("closed", merged=True)],
    ids=["reopened", "reopened and merged"],
)
def test_a_rejection_that_comes_after_it_was_reopened_ends_itself_alone(
    supersede: Any, lists: Api, asked: Forge, now: dict[str, Any]
) -> None:
    """It would take what is open off staging, and delete its images."""
    asked.says("/pulls/7", now)
    assert supersede("late", [run("reopened", 2), run("late", 3, event="rejected")]).code != 0
    assert cancelled(lists, "reopened") == ["late"]
    assert asked.waited[-1] == 60, "until Tekton has ended it"


@pytest.mark.parametrize("now", [pull("closed"), pull("open", base="other")], ids=["closed", "moved away"])
def test_what_is_rejected_still_is_ended_at_once(
    supersede: Any, lists: Api, waits: list[float], asked: Forge, now: dict[str, Any]
) -> None:
    asked.says("/pulls/7", now)
    assert supersede("way-back", [run("older", 2), run("way-back", 3, event="rejected")]).code == 0
    assert (cancelled(lists), waits) == (["older"], [])


def test_a_forge_that_has_not_heard_of_it_yet_is_asked_again(
    supersede: Any, lists: Api, asked: Forge, waits: list[float]
) -> None:
    asked.says("/pulls/7", pull("open"), times=2)
    assert supersede("way-back", [run("older", 2), run("way-back", 3, event="rejected")]).code == 0
    assert (cancelled(lists), waits) == (["older"], [1.0, 2.0])


def test_where_the_forge_does_not_answer_the_webhook_counts(supersede: Any, lists: Api, asked: Forge) -> None:
    asked.says("/pulls/7", {}, 403)
    assert supersede("way-back", [run("older", 2), run("way-back", 3, event="rejected")]).code == 0
    assert cancelled(lists) == ["older"]
