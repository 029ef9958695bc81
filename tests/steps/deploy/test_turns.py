"""Deploy: one at a time, and never an older merge over a newer one."""

import time
from typing import Any
from unittest import mock

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, deploy, reason
from tests.steps.objects import lease


def test_a_lease_that_somebody_took_first_is_asked_for_again(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("after-lease", {"metadata": {"resourceVersion": "2"}, "spec": {}})
    assert deploy(sandbox).code == 0
    assert cluster.image == NEW


def test_another_deploy_is_waited_for(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("lease.json", lease("another", age=1))
    cluster.put("after-lease", {"metadata": {"resourceVersion": "8"}, "spec": {}})
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting for another deploy of shop-pod to end" in result.out
    assert cluster.image == NEW


def test_a_holder_that_died_blocks_nobody_for_long(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("lease.json", lease("dead", age=151))
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting" not in result.out


@pytest.mark.parametrize(
    ("taken", "spec"),
    [
        ({"age": 151, "seconds": 2**31 - 1}, {}),
        ({"age": 31, "seconds": 2**31 - 1, "longest": 30}, {}),
        ({"age": -120}, {}),
        ({"age": 1}, {"renewTime": "soon"}),
        ({"age": 1}, {"renewTime": None}),
        ({"age": 1}, {"leaseDurationSeconds": None}),
    ],
    ids=["longer-than-allowed", "longer-than-the-stack-says", "from-the-future", "no-time", "never", "no-duration"],
)
def test_nobody_blocks_longer_than_is_allowed_whatever_the_lease_says(
    sandbox: Sandbox, cluster: Cluster, taken: dict[str, int], spec: dict[str, Any]
) -> None:
    held = lease("stolen", **taken)
    cluster.put("lease.json", held | {"spec": held["spec"] | spec})
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert result.out.count("waiting") <= 1


@pytest.mark.parametrize("taken", [{"age": 100, "longest": 150}, {"age": -30}, {"age": 5, "seconds": 30}])
def test_a_lease_within_its_bounds_is_waited_for(sandbox: Sandbox, cluster: Cluster, taken: dict[str, int]) -> None:
    cluster.put("lease.json", lease("another", **taken))
    cluster.put("after-lease", {"metadata": {"resourceVersion": "8"}, "spec": {}})
    assert "waiting for another deploy" in deploy(sandbox).out


def test_the_next_pod_of_the_same_run_does_not_wait_for_the_one_that_was_deleted(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("lease.json", lease("run-1", age=1))
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting" not in result.out
    assert cluster.holder is None


def test_a_lease_that_is_never_given_back_ends_the_step_with_a_reason(sandbox: Sandbox, cluster: Cluster) -> None:
    """Who renews it is no deploy: these do not."""
    cluster.put("lease.json", lease("stolen\u202e\u001b[31m", age=0, longest=4))
    with mock.patch("steps.lease.PATIENCE", 0.5):
        result = deploy(sandbox)
    assert result.code == 1
    assert reason(sandbox) == "not rolled out: the Lease shop-pod was not free within 2.0 s, it is held by stolen  [31m"
    assert cluster.image == OLD


def test_a_lease_that_cannot_be_read_ends_the_step_instead_of_waiting_for_ever(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.remove("lease.json")
    result = deploy(sandbox)
    assert result.code != 0
    assert "is forbidden" in result.err
    assert cluster.image == OLD


@pytest.mark.parametrize(
    ("running", "merged", "code", "image", "said"),
    [
        ("first", "second", 0, NEW, "serves on staging"),
        ("second", "first", 0, OLD, "superseded: what runs was merged later"),
        ("other", "first", 0, NEW, "serves on staging"),
    ],
)
def test_an_older_merge_never_replaces_a_newer_one(
    sandbox: Sandbox, history: dict[str, str], running: str, merged: str, code: int, image: str, said: str
) -> None:
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/merge-commit": history[running]})
    result = deploy(sandbox, merge_sha=history[merged], history=history["path"])
    assert result.code == code, result.err
    assert cluster.image == image
    assert said in reason(sandbox)
    assert cluster.holder is None


@pytest.mark.parametrize(
    ("age", "code", "said"),
    [
        (None, 0, "serves on staging"),
        ("yesterday", 0, "serves on staging"),
        (3600, 0, "serves on staging"),
        (-3600, 0, "serves on staging"),
        (
            0,
            1,
            f"what runs was merged as {'f' * 40}, since this run looked at the branch: python -m operate retry looks again",
        ),
    ],
    ids=["none", "unreadable", "before", "to-come", "since"],
)
def test_a_commit_that_the_branch_has_not_is_no_newer_merge_unless_it_came_since(
    sandbox: Sandbox, history: dict[str, str], age: int | str | None, code: int, said: str
) -> None:
    """A stolen token can note any. What came after the branch was fetched, the next run knows."""
    notes = {"tekton-delivery/merge-commit": "f" * 40}
    if age is not None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age)) if isinstance(age, int) else age
        notes["tekton-delivery/delivered-at"] = at
    cluster = sandbox.serve(image=OLD, notes=notes)
    result = deploy(sandbox, merge_sha=history["first"], history=history["path"], looked=time.time())
    assert result.code == code, result.err
    assert cluster.image == (OLD if code else NEW)
    assert said in reason(sandbox)
    assert cluster.holder is None


@pytest.mark.parametrize(
    ("running", "code", "said"),
    [
        ("second", 0, "superseded: what runs was merged later"),
        ("first", 0, "this merge is what runs"),
        ("before", 1, "main has moved on"),
        ("", 1, "main has moved on"),
        ("other", 1, "main has moved on"),
    ],
)
def test_what_the_base_branch_has_moved_on_from_is_never_rolled_out(
    sandbox: Sandbox, history: dict[str, str], running: str, code: int, said: str
) -> None:
    """There is no image, but a reason why: that is the outcome unless what runs has the merge in it."""
    cluster = sandbox.serve(image=OLD, notes={"tekton-delivery/merge-commit": history[running]} if running else {})
    result = deploy(sandbox, merge_sha=history["first"], history=history["path"], moved="main has moved on")
    assert result.code == code, result.err
    assert cluster.image == OLD
    assert said in reason(sandbox)
    assert cluster.holder is None


@pytest.mark.parametrize("running", ["--output=x", "HEAD", "x", "", "a" * 39, "{}\n--output=x"])
def test_what_is_no_commit_is_not_taken_for_a_newer_merge(sandbox: Sandbox, history: dict[str, str], running: str) -> None:
    note = {"tekton-delivery/merge-commit": running.format(history["second"])}
    cluster = sandbox.serve(image=OLD, notes=note)
    result = deploy(sandbox, merge_sha=history["first"], history=history["path"])
    assert result.code == 0, result.err
    assert (cluster.image, cluster.notes["merge-commit"]) == (NEW, history["first"])
