"""prune.sh: the newest ended runs of each application stay, and whatever still runs."""

import json
from typing import Any

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]


def run(name: str, ended: int | None, application: str = "shop") -> dict[str, Any]:
    status = {} if ended is None else {"completionTime": f"2026-11-22T17:20:{ended:02}Z"}
    return {"metadata": {"name": name, "labels": {"app.kubernetes.io/name": application}}, "status": status}


def prune(sandbox: Sandbox, runs: list[dict[str, Any]], keep: int = 2, kubectl: str = "") -> Result:
    file = sandbox.file("runs.json", json.dumps({"items": runs}))
    sandbox.stub("kubectl", kubectl or f"case $3 in get) cat '{file}' ;; esac")
    return sandbox.run("prune", NAMESPACE="staging-ci", KEEP=str(keep), CLAIMS="false")


def deleted(sandbox: Sandbox) -> list[str]:
    calls = [call for call in sandbox.called("kubectl") if call[2] == "delete"]
    for call in calls:
        assert call[:4] == ["--namespace", "staging-ci", "delete", "pipelineruns.tekton.dev"]
    return [name for call in calls for name in call[4:] if not name.startswith("--")]


def test_the_oldest_go_and_the_newest_stay(sandbox: Sandbox) -> None:
    result = prune(sandbox, [run("c", 3), run("a", 1), run("d", 4), run("b", 2)])
    assert result.code == 0, result.err
    assert sorted(deleted(sandbox)) == ["a", "b"]


def test_each_application_keeps_its_own(sandbox: Sandbox) -> None:
    prune(sandbox, [*(run(f"shop-{n}", n) for n in range(4)), *(run(f"blog-{n}", n, "blog") for n in range(3))])
    assert sorted(deleted(sandbox)) == ["blog-0", "shop-0", "shop-1"]


def test_what_runs_is_neither_deleted_nor_counted(sandbox: Sandbox) -> None:
    prune(sandbox, [run("waiting", None), run("a", 1), run("b", 2), run("going", None), {"metadata": {"name": "new"}}])
    assert deleted(sandbox) == []


def test_many_are_deleted(sandbox: Sandbox) -> None:
    prune(sandbox, [run(f"run-{number:03}", number % 60) for number in range(200)], keep=1)
    assert len(set(deleted(sandbox))) == 199


def test_nothing_to_do_is_nothing_done(sandbox: Sandbox) -> None:
    result = prune(sandbox, [])
    assert result.code == 0, result.err
    assert deleted(sandbox) == []


def test_runs_that_cannot_be_listed_fail_the_job(sandbox: Sandbox) -> None:
    result = prune(sandbox, [], kubectl="echo 'Error: forbidden' >&2; exit 1")
    assert result.code != 0
    assert "forbidden" in result.err


def test_a_run_that_cannot_be_deleted_fails_the_job(sandbox: Sandbox) -> None:
    runs = [run(name, second) for second, name in enumerate("abc")]
    kubectl = f"case $3 in get) cat '{sandbox.root}/runs.json' ;; *) exit 1 ;; esac"
    assert prune(sandbox, runs, kubectl=kubectl).code != 0


def claims(sandbox: Sandbox, phases: dict[str, str], owners: dict[str, dict[str, Any]]) -> Result:
    """Prune where pods are in these phases, by uid, and claims have these owners."""
    answers = {
        "pipelineruns.tekton.dev": [],
        "pods": [{"metadata": {"uid": uid}, "status": {"phase": phase}} for uid, phase in phases.items()],
        "persistentvolumeclaims": [{"metadata": {"name": name} | owner} for name, owner in owners.items()],
    }
    for kind, items in answers.items():
        sandbox.file(f"{kind}.json", json.dumps({"items": items}))
    sandbox.stub("kubectl", f"case $3 in get) cat '{sandbox.root}'/$4.json ;; esac")
    return sandbox.run("prune", NAMESPACE="staging-ci", KEEP="2", CLAIMS="true")


def of(uid: str, kind: str = "Pod") -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "uid": uid}]}


def test_volumes_of_ended_pods_go_and_all_others_stay(sandbox: Sandbox) -> None:
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
    result = claims(sandbox, phases, owners)
    assert result.code == 0, result.err
    (call,) = [call for call in sandbox.called("kubectl") if call[2] == "delete"]
    assert call[2:5] == ["delete", "persistentvolumeclaims", "--wait=false"]
    assert sorted(call[5:]) == ["failed", "succeeded"]


def test_where_runs_have_no_volumes_nobody_asks_for_them(sandbox: Sandbox) -> None:
    prune(sandbox, [])
    assert [call[3] for call in sandbox.called("kubectl")] == ["pipelineruns.tekton.dev"]
