"""Deploy: the image is rolled out, waited for and noted, and nobody else's change is lost."""

import json

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, SHA, deploy, reason
from tests.steps.objects import deployment


def test_the_image_is_rolled_out_and_waited_for_one_at_a_time(sandbox: Sandbox, cluster: Cluster) -> None:
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert cluster.image == NEW
    assert reason(sandbox) == f"serves on staging: sha256:{'b' * 64}"
    assert cluster.verbs() == [
        "GET lease",
        "PUT lease",
        "GET deployment",
        "GET freeze",
        "PATCH deployment",
        "WATCH deployment",
        "GET deployment",
        "PATCH deployment",
        "GET lease",
        "PUT lease",
    ], "the Lease is given back"
    assert cluster.holder is None
    assert {path.split("/namespaces/")[1].split("/")[0] for path in cluster.paths} == {"staging"}


def test_what_serves_and_the_last_five_before_it_are_noted(sandbox: Sandbox, history: dict[str, str]) -> None:
    served = [{"image": f"old-{number}", "commit": None, "pullRequest": str(number)} for number in range(5)]
    cluster = sandbox.serve(image=OLD, notes=OLD_NOTES | {"tekton-delivery/before": json.dumps(served)})
    merged = {"merge_sha": "d" * 40, "history": history["path"]}
    deploy(sandbox, mark={"tree": "e" * 40}, approved_by=["bob"], **merged)
    notes = cluster.notes
    at = notes.pop("delivered-at")
    assert at.endswith("Z")
    assert json.loads(notes.pop("history")) == [
        {
            "image": NEW,
            "commit": SHA,
            "pullRequest": "7",
            "mergeCommit": "d" * 40,
            "mergedBy": "alice",
            "run": "run-1",
            "at": at,
            "mark": {"tree": "e" * 40},
            "approvedBy": ["bob"],
        }
    ]
    assert json.loads(notes.pop("before")) == [*served[1:], {"image": OLD, "commit": "c" * 40, "pullRequest": "6"}]
    assert notes == {
        "commit": SHA,
        "pull-request": "7",
        "digest": "sha256:" + "b" * 64,
        "merge-commit": "d" * 40,
        "merged-by": "alice",
        "run": "run-1",
        "mine": "stays",
    }


def test_an_update_of_the_same_pull_request_remembers_nothing_new(sandbox: Sandbox) -> None:
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/pull-request": "7", "tekton-delivery/before": "[]"})
    deploy(sandbox)
    assert cluster.notes["before"] == "[]"
    assert cluster.notes["commit"] == SHA


def test_the_record_keeps_the_last_twenty(sandbox: Sandbox) -> None:
    served = [{"image": f"old-{number}"} for number in range(20)]
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/history": json.dumps(served, separators=(",", ":"))})
    deploy(sandbox)
    history = json.loads(cluster.notes["history"])
    assert history[:-1] == served[1:]
    assert history[-1]["image"] == NEW


@pytest.mark.parametrize("count", [1, 19, 20])
def test_older_entries_stay_to_the_letter(sandbox: Sandbox, count: int) -> None:
    """The admission policy compares them as text; writing it anew would change some of it."""
    entry = '{"image":"old","reason":"caf\\u00e9 \\"},{\\" \\u0041 1.50","approvedBy":["a","b"],"mark":{"tree":"t"}}'
    text = "[" + ",".join([entry] * count) + "]"
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/history": text})
    assert deploy(sandbox).code == 0
    written = cluster.notes["history"]
    assert written.startswith("[" + ",".join([entry] * min(count, 19)) + ',{"image":"' + NEW)
    assert len(json.loads(written)) == min(count, 19) + 1


@pytest.mark.parametrize("text", ["", "null", "7", "{", "[1]", '["\\u202e"]'])
def test_notes_that_nobody_can_read_stop_no_delivery(sandbox: Sandbox, text: str) -> None:
    notes = dict.fromkeys(("tekton-delivery/before", "tekton-delivery/rolling-out"), text)
    cluster = sandbox.serve(image=OLD, notes=OLD_NOTES | notes)
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert json.loads(cluster.notes["before"]) == [{"image": OLD, "commit": "c" * 40, "pullRequest": "6"}]


@pytest.mark.parametrize(
    ("sizes", "left"),
    [([8200] * 8, 7), ([60000, 100, 60000], 2), ([65500], 0), ([8000] * 7, 7), ([1000] * 19, 19), ([6000] * 20, 10)],
)
def test_a_record_that_was_padded_blocks_nothing(sandbox: Sandbox, sizes: list[int], left: int) -> None:
    entries = [f'{{"image":"old-{number}","at":"{"é" * (size // 2)}"}}' for number, size in enumerate(sizes)]
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/history": f"[{','.join(entries)}]"})
    result = deploy(sandbox, mark={"tree": "e" * 9000})
    assert result.code == 0, result.err
    written = cluster.notes["history"]
    assert len(written.encode()) <= 65536
    *kept, last = json.loads(written)
    assert kept == [json.loads(entry) for entry in entries][len(entries) - left :]
    assert (last["image"], "mark" in last) == (NEW, False)


def test_a_record_that_is_no_list_is_started_anew(sandbox: Sandbox) -> None:
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/history": "by hand"})
    assert deploy(sandbox).code == 0
    assert [item["image"] for item in json.loads(cluster.notes["history"])] == [NEW]


def test_notes_of_no_form_are_not_handed_on(sandbox: Sandbox) -> None:
    """The admission policy would refuse them, this delivery and every later one."""
    kept = {"image": NEW, "commit": "a" * 40, "pullRequest": "5"}
    bad = [
        {"image": NEW, "commit": "x" * 1000, "pullRequest": {"a": "b"}, "more": 1},
        {"image": 'a"b'},
        {"image": "x" * 5000},
    ]
    notes = {
        "tekton-delivery/commit": "x" * 4096,
        "tekton-delivery/pull-request": "6\n",
        "tekton-delivery/before": json.dumps([kept, *bad]),
    }
    cluster = sandbox.serve(image=OLD, notes=notes)
    result = deploy(sandbox)
    assert result.code == 0, result.err
    nobody = {"commit": None, "pullRequest": None}
    assert json.loads(cluster.notes["before"]) == [kept, {"image": NEW} | nobody, {"image": OLD} | nobody]


def test_a_refused_change_changes_nothing_and_says_why(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(refused=(NEW,))
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.get("live.json") == deployment(OLD, OLD_NOTES)
    assert "denied the request" in result.err
    assert cluster.holder is None


def test_a_change_of_somebody_else_meanwhile_is_kept(sandbox: Sandbox, cluster: Cluster) -> None:
    """The patch names the version it was made for; a newer one is read again first."""
    cluster.put("after-get", deployment(OLD, OLD_NOTES | {"theirs": "new"}, version=2))
    assert deploy(sandbox).code == 0
    assert cluster.image == NEW
    assert cluster.notes["theirs"] == "new"
    assert cluster.verbs().count("PATCH deployment") == 3


def test_a_deployment_that_is_not_there_fails(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.remove("live.json")
    result = deploy(sandbox)
    assert result.code != 0
    assert "not found" in result.err
    assert cluster.holder is None
