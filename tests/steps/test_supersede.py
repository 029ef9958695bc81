"""The step supersede: a newer event ends the older runs of the same pull request, and never the other way round."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import Api
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


def supersede(sandbox: Sandbox, lists: Api, name: str, runs: list[dict[str, Any]] | None = None) -> Result:
    if runs is not None:
        lists.has("pipelineruns", runs)
    env = {"PARAM_PULL_REQUEST": "7", "PARAM_RUN": name, "APPLICATION": "shop", "NAMESPACE": "staging-ci"}
    return sandbox.step("supersede", **env, **lists.env)


def cancelled(lists: Api) -> list[str]:
    patches = [call for call in lists.calls if call.method == "PATCH"]
    for call in patches:
        assert call.headers["Content-Type"] == "application/merge-patch+json"
        # Finally tasks still run, so the older commit's status does not stay pending.
        assert call.body == {"spec": {"status": "CancelledRunFinally"}}
    return [call.path.removeprefix(f"{RUNS}/").partition("?")[0] for call in patches]


def test_older_runs_are_cancelled_and_only_those(sandbox: Sandbox, lists: Api) -> None:
    runs = [
        run("oldest", 1),
        run("older", 2),
        run("ended", 2, done=True),
        run("cancelled-already", 2, cancelled=True),
        run("way-back", 2, event="rejected"),
        run("mine", 3),
        run("newer", 4),
    ]
    result = supersede(sandbox, lists, "mine", runs)
    assert result.code == 0, result.err
    assert cancelled(lists) == ["oldest", "older"]


def test_only_runs_of_this_pull_request_and_application_are_asked_for(sandbox: Sandbox, lists: Api) -> None:
    supersede(sandbox, lists, "mine", [run("mine", 3)])
    (call,) = lists.calls
    path, _, query = call.path.partition("?")
    assert path == RUNS
    assert parse_qs(query)["labelSelector"] == ["tekton-delivery/pull-request=7,app.kubernetes.io/name=shop"]


def test_of_two_runs_of_one_second_one_goes_on(sandbox: Sandbox, lists: Api) -> None:
    """Kubernetes writes times to the second: each of the two must come to the same conclusion."""
    runs = [run("a", 3), run("b", 3)]
    survivors = []
    for name in ("a", "b"):
        lists.calls.clear()
        assert supersede(sandbox, lists, name, runs).code == 0
        survivors += sorted({"a", "b"} - set(cancelled(lists)) - {name})
    assert len(survivors) == 1


def test_a_rejection_ends_everything_up_to_it(sandbox: Sandbox, lists: Api) -> None:
    runs = [run("older", 2), run("same-second", 3), run("a-way-back", 3, event="rejected"), run("reopened", 4)]
    assert supersede(sandbox, lists, "a-way-back", runs).code == 0
    assert cancelled(lists) == ["older", "same-second"]


def test_runs_that_cannot_be_listed_fail_the_step(sandbox: Sandbox, lists: Api) -> None:
    lists.refuses("/pipelineruns?", "forbidden")
    result = supersede(sandbox, lists, "mine")
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
    sandbox: Sandbox, lists: Api, state: str | dict[str, Any], code: int
) -> None:
    if isinstance(state, str):
        lists.refuses("/stuck", reason=state)
    else:
        lists.says("/stuck", state)
    lists.refuses("/stuck", "denied", method="PATCH")
    result = supersede(sandbox, lists, "mine", [run("older", 1), run("stuck", 1), run("old", 2), run("mine", 3)])
    assert cancelled(lists) == ["older", "stuck", "old"]
    assert result.code == code, result.err
    assert "denied" in result.err
