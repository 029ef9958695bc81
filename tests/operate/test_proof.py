"""What may come back: what the environment's own, its marks and its runs vouch for; all else by somebody's word alone."""

from collections.abc import Callable

import pytest

from operate.errors import OperateError
from operate.records import history
from operate.rollback import roll_back
from tests.operate.cluster import Memory, image, promotion, served
from tests.support import Declared

EVIL = "registry.example/evil@sha256:" + "e" * 64


def back(cluster: Memory, *, unproven: bool = False) -> list[str]:
    said: list[str] = []
    roll_back(cluster.target, None, "slow", said.append, unproven=unproven)
    return said


def production(**forged: object) -> Memory:
    """Two entries, of which somebody has changed the older one afterwards."""
    cluster = Memory("production", served("a", 1), served("c", 3))
    made = Memory("production", served("a", 1) | forged, served("c", 3))
    cluster.live = made.live
    return cluster


def staging(**forged: object) -> Memory:
    cluster = production(mergeCommit=None, **forged)
    cluster.environment, cluster.task_runs = "staging", []
    cluster.live["metadata"]["namespace"] = "staging"
    return cluster


@pytest.mark.parametrize("made", [production, staging])
def test_what_was_vouched_for_comes_back(made: Callable[[], Memory]) -> None:
    cluster = made()
    back(cluster)
    assert cluster.image == image("a")
    assert not history(cluster.live)[-1].unproven
    (run,) = cluster.created
    assert run["metadata"]["namespace"] == f"{cluster.environment}-ci"
    assert run["spec"]["taskRunTemplate"] == {"serviceAccountName": "reporter"}
    assert "tekton-delivery/pull-request" not in run["metadata"]["labels"], "it is no delivery"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_run_is_what_the_declared_pipeline_takes(environment: str, stacks: dict[str, Declared]) -> None:
    cluster = staging() if environment == "staging" else production()
    back(cluster)
    (run,) = cluster.created
    declared = stacks[environment].one("Pipeline", f"chespirito-{environment}-proof-pipeline")["spec"]
    given = {param["name"] for param in run["spec"]["params"]}
    assert given == {param["name"] for param in declared["params"]}
    (task,) = declared["tasks"]
    fixed = {param["name"]: param["value"] for param in task["params"] if param["name"] not in given}
    assert fixed == {
        "application": "chespirito",
        "repository": "acme/chespirito",
        "image": "registry.internal:5000/chespirito",
        "vouched-by": "staging",
    }


@pytest.mark.parametrize(
    ("forged", "says"),
    [
        ({"image": EVIL}, "is no image of registry.internal:5000/shop"),
        ({"image": image("a").replace("/shop@", "/shop/more@")}, "is no image of"),
        ({"image": image("a").replace("@sha256", ":latest@sha256")}, "is no image of"),
        ({"image": "registry.internal:5000/shop:latest"}, "is no image of"),
        ({"image": image("a")[:-1]}, "is no image of"),
        ({"image": image("a") + "\u202e"}, "is no image of"),
        ({"image": image("d")}, "no run that is left promoted"),
        ({"commit": "d" * 40}, "no run that is left promoted"),
        ({"mergeCommit": "d" * 40}, "no run that is left promoted"),
        ({"mergeCommit": None}, "no run that is left promoted"),
        ({"commit": "main"}, "is recorded for no commit"),
    ],
)
def test_what_somebody_wrote_into_the_record_does_not(forged: dict[str, object], says: str) -> None:
    cluster = production(**forged)
    with pytest.raises(OperateError, match=says) as refused:
        back(cluster)
    assert "--unproven" in str(refused.value)
    assert cluster.image == image("c")
    assert cluster.created == []
    assert cluster.held["spec"] == {}


@pytest.mark.parametrize("forged", [{"image": image("d")}, {"commit": "d" * 40}])
def test_nor_in_staging_what_its_own_key_has_not_signed(forged: dict[str, object]) -> None:
    cluster = staging(**forged)
    with pytest.raises(OperateError, match="is not proven: nobody has signed it"):
        back(cluster)
    assert cluster.image == image("c")


def test_what_staging_ran_and_nobody_merged_is_nothing_for_production() -> None:
    """Its mark is a good one."""
    cluster = production(image=image("d"), commit="d" * 40)
    cluster.marks["sha256:" + "d" * 64] = {"headSha": "d" * 40}
    with pytest.raises(OperateError, match="no run that is left promoted"):
        back(cluster)


@pytest.mark.parametrize(
    "change",
    [
        lambda task: task["spec"].update(serviceAccountName="untrusted"),
        lambda task: task["status"].update(conditions=[{"status": "False"}]),
        lambda task: task["status"].update(results=[]),
    ],
    ids=["somebody-elses", "failed", "of-another-image"],
)
def test_a_run_that_did_not_promote_it_is_none(change: Callable[[dict[str, object]], None]) -> None:
    cluster = production()
    cluster.task_runs = [promotion(served("a", 1))]
    change(cluster.task_runs[0])
    with pytest.raises(OperateError, match="no run that is left promoted"):
        back(cluster)


def test_a_digest_that_the_registry_has_lost_its_mark_of_is_refused() -> None:
    cluster = production()
    cluster.marks.clear()
    with pytest.raises(OperateError, match="is not proven"):
        back(cluster)
    assert cluster.image == image("c")


@pytest.mark.parametrize("forged", [{}, {"image": EVIL}, {"commit": "d" * 40}])
def test_by_somebodys_word_it_comes_back_loudly(forged: dict[str, object]) -> None:
    cluster = production(**forged)
    said = back(cluster, unproven=True)
    wanted = str(forged.get("image", image("a")))
    assert cluster.image == wanted
    assert f"UNPROVEN: nothing vouches for {wanted} but ana" in said
    assert history(cluster.live)[-1].unproven
    assert cluster.created == []


def test_a_stack_of_an_older_version_says_how_to_go_on() -> None:
    cluster = production()
    cluster.declared = {}
    with pytest.raises(OperateError, match="run `pulumi up`, or to roll it out nevertheless"):
        back(cluster)


def test_whose_pull_request_it_was_tells_the_mark() -> None:
    cluster = production(pullRequest="9")
    back(cluster)
    assert cluster.notes["tekton-delivery/pull-request"] == "1"
