"""deploy.sh: one at a time, and never an older merge over a newer one."""

import pytest

from tests.tasks.scripts.conftest import Sandbox, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.deploy.step import NEW, OLD, deploy, reason
from tests.tasks.scripts.kube import Cluster, lease

pytestmark = [needs_jq, in_the_tools_images_shell]


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


def test_a_lease_that_cannot_be_read_ends_the_step_instead_of_waiting_for_ever(sandbox: Sandbox, cluster: Cluster) -> None:
    (sandbox.root / "lease.json").unlink()
    result = deploy(sandbox)
    assert result.code != 0
    assert "is forbidden" in result.err
    assert cluster.image == OLD


@pytest.mark.parametrize(
    ("running", "merged", "code", "image", "said"),
    [
        ("first", "second", 0, NEW, "serves on staging"),
        ("second", "first", 0, OLD, "superseded: what runs was merged later"),
        ("other", "first", 1, OLD, "was the branch rewritten?"),
    ],
)
def test_an_older_merge_never_replaces_a_newer_one(
    sandbox: Sandbox, history: dict[str, str], running: str, merged: str, code: int, image: str, said: str
) -> None:
    cluster = Cluster(sandbox, image=OLD, notes={"tekton-delivery/merge-commit": history[running]})
    result = deploy(sandbox, PARAM_MERGE_SHA=history[merged], PARAM_MERGED_BY="alice", HISTORY=history["path"])
    assert result.code == code, result.err
    assert cluster.image == image
    assert said in reason(sandbox)
    assert cluster.holder is None


@pytest.mark.parametrize(
    ("running", "code", "said"),
    [
        ("second", 0, "superseded: what runs was merged later"),
        ("first", 0, "this merge is what runs"),
        ("before", 1, "main has moved on"),
        ("", 1, "main has moved on"),
        ("other", 1, "was the branch rewritten?"),
    ],
)
def test_what_the_base_branch_has_moved_on_from_is_never_rolled_out(
    sandbox: Sandbox, history: dict[str, str], running: str, code: int, said: str
) -> None:
    """prove.sh hands on no image, but why: that is the outcome unless what runs has the merge in it."""
    cluster = Cluster(sandbox, image=OLD, notes={"tekton-delivery/merge-commit": history[running]} if running else {})
    sandbox.file("reason", "main has moved on")
    result = deploy(
        sandbox,
        image="",
        PARAM_MERGE_SHA=history["first"],
        PARAM_MERGED_BY="alice",
        HISTORY=history["path"],
        BASE_PATH=sandbox.file("base", history["second"]),
    )
    assert result.code == code, result.err
    assert cluster.image == OLD
    assert said in reason(sandbox)
    assert cluster.holder is None


def test_what_does_not_touch_the_application_ends_well(sandbox: Sandbox, cluster: Cluster) -> None:
    for base in ("", sandbox.root / "nothing"):
        assert deploy(sandbox, image="", PARAM_MERGE_SHA="f" * 40, BASE_PATH=base).code == 0
    assert cluster.image == OLD
