"""The step prune: the newest ended runs of each application stay, and whatever still runs."""

from typing import Any

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import Api
from tests.tasks.scripts.conftest import Result

RUNS = "/apis/tekton.dev/v1/namespaces/staging-ci/pipelineruns"
CLAIMS = "/api/v1/namespaces/staging-ci/persistentvolumeclaims"


def run(name: str, ended: int | None, application: str = "shop") -> dict[str, Any]:
    status = {} if ended is None else {"completionTime": f"2026-11-22T17:20:{ended:02}Z"}
    return {"metadata": {"name": name, "labels": {"app.kubernetes.io/name": application}}, "status": status}


def prune(
    sandbox: Sandbox, lists: Api, runs: list[dict[str, Any]] | None = None, keep: int = 2, *, claims: bool = False
) -> Result:
    if runs is not None:
        lists.has("pipelineruns", runs, page=50)
    return sandbox.step("prune", NAMESPACE="staging-ci", KEEP=str(keep), CLAIMS=str(claims).lower(), **lists.env)


def deleted(lists: Api, kind: str = RUNS) -> list[str]:
    paths = [call.path for call in lists.calls if call.method == "DELETE"]
    assert all(path.endswith("?propagationPolicy=Background") for path in paths)
    return [path.removeprefix(f"{kind}/").partition("?")[0] for path in paths]


def test_the_oldest_go_and_the_newest_stay(sandbox: Sandbox, lists: Api) -> None:
    result = prune(sandbox, lists, [run("c", 3), run("a", 1), run("d", 4), run("b", 2)])
    assert result.code == 0, result.err
    assert sorted(deleted(lists)) == ["a", "b"]


def test_each_application_keeps_its_own(sandbox: Sandbox, lists: Api) -> None:
    prune(sandbox, lists, [*(run(f"shop-{n}", n) for n in range(4)), *(run(f"blog-{n}", n, "blog") for n in range(3))])
    assert sorted(deleted(lists)) == ["blog-0", "shop-0", "shop-1"]


def test_what_runs_is_neither_deleted_nor_counted(sandbox: Sandbox, lists: Api) -> None:
    prune(
        sandbox, lists, [run("waiting", None), run("a", 1), run("b", 2), run("going", None), {"metadata": {"name": "new"}}]
    )
    assert deleted(lists) == []


def test_many_are_deleted(sandbox: Sandbox, lists: Api) -> None:
    prune(sandbox, lists, [run(f"run-{number:03}", number % 60) for number in range(200)], keep=1)
    assert len(set(deleted(lists))) == 199


def test_nothing_to_do_is_nothing_done(sandbox: Sandbox, lists: Api) -> None:
    result = prune(sandbox, lists, [])
    assert result.code == 0, result.err
    assert deleted(lists) == []


def test_runs_that_cannot_be_listed_fail_the_job(sandbox: Sandbox, lists: Api) -> None:
    lists.refuses("/pipelineruns", "forbidden")
    result = prune(sandbox, lists)
    assert result.code != 0
    assert "forbidden" in result.err


@pytest.mark.parametrize(("reason", "code"), [("Forbidden", 1), ("NotFound", 0)])
def test_a_run_that_cannot_be_deleted_fails_the_job(sandbox: Sandbox, lists: Api, reason: str, code: int) -> None:
    """It keeps no other one, and what is gone already is none."""
    runs = [run(name, second) for second, name in enumerate("abcd")]
    lists.refuses("/pipelineruns/a", reason=reason, method="DELETE")
    assert prune(sandbox, lists, runs).code == code
    assert deleted(lists) == ["a", "b"]


def claims(sandbox: Sandbox, lists: Api, phases: dict[str, str], owners: dict[str, dict[str, Any]]) -> Result:
    """Prune where pods are in these phases, by uid, and claims have these owners."""
    lists.has("pods", [{"metadata": {"uid": uid}, "status": {"phase": phase}} for uid, phase in phases.items()])
    lists.has("persistentvolumeclaims", [{"metadata": {"name": name} | owner} for name, owner in owners.items()])
    return prune(sandbox, lists, [], claims=True)


def of(uid: str, kind: str = "Pod") -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "uid": uid}]}


def test_volumes_of_ended_pods_go_and_all_others_stay(sandbox: Sandbox, lists: Api) -> None:
    phases = {"1": "Succeeded", "2": "Failed", "3": "Running", "4": "Pending"}
    owners = {
        "succeeded": of("1"),
        "failed": of("2"),
        "running": of("3"),
        "pending": of("4"),
        "gone": of("5"),
        "going": of("1") | {"deletionTimestamp": "2026-11-22T17:20:00Z"},
        "of-a-set": of("1", "StatefulSet"),
        "somebodys": {},
    }
    result = claims(sandbox, lists, phases, owners)
    assert result.code == 0, result.err
    assert sorted(deleted(lists, CLAIMS)) == ["failed", "succeeded"]


def test_where_runs_have_no_volumes_nobody_asks_for_them(sandbox: Sandbox, lists: Api) -> None:
    prune(sandbox, lists, [])
    assert [call.path.partition("?")[0] for call in lists.calls] == [RUNS]


def job(name: str, ended: int | None, kind: str = "Complete", application: str = "shop") -> dict[str, Any]:
    at = {"status": "True", "lastTransitionTime": f"2026-11-22T17:20:{ended:02}Z"} if ended is not None else {}
    going = {"type": "Suspended", "status": "False", "lastTransitionTime": "2026-11-22T17:20:00Z"}
    conditions = [going, *([{"type": kind} | at] if at else [])]
    labels = {"tekton-delivery/before-rollout": application}
    return {"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions}}


def test_of_jobs_before_rollouts_the_newest_stay_and_what_goes_on(sandbox: Sandbox, lists: Api) -> None:
    """One that succeeded keeps its digest from another: failures take no place of it."""
    jobs = [
        *(job(f"done-{second}", second) for second in range(3)),
        *(job(f"failed-{second}", second + 10, "Failed") for second in range(4)),
        *(job(f"other-{second}", second, application="other") for second in range(2)),
        job("going", None),
    ]
    lists.has("pipelineruns", [])
    lists.has("jobs", jobs)
    given = {"NAMESPACE": "staging-ci", "KEEP": "2", "CLAIMS": "false", "JOBS_NAMESPACE": "staging"}
    result = sandbox.step("prune", **given, **lists.env)
    assert result.code == 0, result.err
    assert sorted(deleted(lists, "/apis/batch/v1/namespaces/staging/jobs")) == ["done-0", "failed-0", "failed-1"]
    asked = [call.path for call in lists.calls if call.method == "GET" and "/jobs" in call.path]
    assert all("labelSelector=tekton-delivery%2Fbefore-rollout" in path for path in asked), "and nobody else's"
