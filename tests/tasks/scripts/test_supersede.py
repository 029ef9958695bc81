"""supersede.sh: a newer event ends the older runs of the same pull request, and never the other way round."""

import json
from typing import Any

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]


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


def supersede(sandbox: Sandbox, name: str, runs: list[dict[str, Any]], kubectl: str = "") -> Result:
    file = sandbox.file("runs.json", json.dumps({"items": runs}))
    sandbox.stub("kubectl", kubectl or f"case $3 in get) cat '{file}' ;; esac")
    return sandbox.run("supersede", PARAM_PULL_REQUEST="7", PARAM_RUN=name, APPLICATION="shop", NAMESPACE="staging-ci")


def cancelled(sandbox: Sandbox) -> list[str]:
    patches = [call for call in sandbox.called("kubectl") if call[2] == "patch"]
    for call in patches:
        assert call[:4] == ["--namespace", "staging-ci", "patch", "pipelineruns.tekton.dev"]
        # Finally tasks still run, so the older commit's status does not stay pending.
        assert json.loads(call[call.index("--patch") + 1]) == {"spec": {"status": "CancelledRunFinally"}}
    return [call[4] for call in patches]


def test_older_runs_are_cancelled_and_only_those(sandbox: Sandbox) -> None:
    runs = [
        run("oldest", 1),
        run("older", 2),
        run("ended", 2, done=True),
        run("cancelled-already", 2, cancelled=True),
        run("way-back", 2, event="rejected"),
        run("mine", 3),
        run("newer", 4),
    ]
    result = supersede(sandbox, "mine", runs)
    assert result.code == 0, result.err
    assert cancelled(sandbox) == ["oldest", "older"]


def test_only_runs_of_this_pull_request_and_application_are_asked_for(sandbox: Sandbox) -> None:
    supersede(sandbox, "mine", [run("mine", 3)])
    (call,) = sandbox.called("kubectl")
    assert call[call.index("--selector") + 1] == "tekton-delivery/pull-request=7,app.kubernetes.io/name=shop"


def test_of_two_runs_of_one_second_one_goes_on(sandbox: Sandbox) -> None:
    """Kubernetes writes times to the second: each of the two must come to the same conclusion."""
    runs = [run("a", 3), run("b", 3)]
    survivors = []
    for name in ("a", "b"):
        (sandbox.root / "calls").unlink(missing_ok=True)
        assert supersede(sandbox, name, runs).code == 0
        survivors += sorted({"a", "b"} - set(cancelled(sandbox)) - {name})
    assert len(survivors) == 1


def test_a_rejection_ends_everything_up_to_it(sandbox: Sandbox) -> None:
    runs = [run("older", 2), run("same-second", 3), run("a-way-back", 3, event="rejected"), run("reopened", 4)]
    assert supersede(sandbox, "a-way-back", runs).code == 0
    assert cancelled(sandbox) == ["older", "same-second"]


def test_runs_that_cannot_be_listed_fail_the_step(sandbox: Sandbox) -> None:
    result = supersede(sandbox, "mine", [], kubectl="echo 'Error: forbidden' >&2; exit 1")
    assert result.code != 0
    assert "forbidden" in result.err


REFUSED = """case $3 in
get) [ -n "${{5##-*}}" ] && {state} || cat '{runs}' ;;
*) case $5 in stuck) echo 'Error: denied' >&2; exit 1 ;; esac ;;
esac"""


@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param("echo 'stuck '", 1, id="goes on"),
        pytest.param("exit 1", 1, id="cannot be asked"),
        pytest.param("echo 'stuck 2026-11-22T17:21:00Z'", 0, id="ended meanwhile"),
        pytest.param("true", 0, id="is gone"),
    ],
)
def test_a_run_that_cannot_be_cancelled_keeps_no_other_going(sandbox: Sandbox, state: str, code: int) -> None:
    runs = [run("older", 1), run("stuck", 1), run("old", 2), run("mine", 3)]
    result = supersede(sandbox, "mine", runs, kubectl=REFUSED.format(state=state, runs=sandbox.root / "runs.json"))
    assert cancelled(sandbox) == ["older", "stuck", "old"]
    assert result.code == code, result.err
