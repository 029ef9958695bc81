"""Several Deployments of one image, by hand: they are held, lifted and rolled back together."""

import json
from collections.abc import Callable

import pytest

from operate import holds, lease, printing, rollback
from operate.errors import OperateError
from operate.records import hold, running
from operate.rollback import roll_back
from operate.target import applications
from steps.workloads import workloads
from tests.operate.cluster import NAME, Memory, image, served

WORKER = "shop-worker-pod"
TWO = (served("a", 1), served("b", 2))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.01)


@pytest.fixture
def cluster() -> Memory:
    made = Memory("production", *TWO)
    made.follow(WORKER, image("b"))
    return made


def held(cluster: Memory) -> list[bool]:
    return [hold(each) is not None for each in (cluster.live, cluster.following[WORKER])]


def test_what_follows_is_no_application(cluster: Memory) -> None:
    assert [found.application for found in applications(cluster, "production")] == ["shop"]


def test_a_rollback_takes_both_back_and_holds_both(cluster: Memory) -> None:
    roll_back(cluster.target, None, "slow", print)
    assert (cluster.image, cluster.runs_now(WORKER)) == (image("a"), image("a"))
    assert held(cluster) == [True, True]
    assert "tekton-delivery/history" not in cluster.following[WORKER]["metadata"]["annotations"], "that is on the other one"


def test_one_that_does_not_get_ready_brings_both_back(cluster: Memory) -> None:
    cluster.broken = {f"{WORKER} {image('a')}"}
    notes = dict(cluster.notes)
    with pytest.raises(OperateError, match=r"was not ready within 1 s; restored .*b{64}"):
        roll_back(cluster.target, None, "slow", print)
    assert (cluster.image, cluster.runs_now(WORKER)) == (image("b"), image("b"))
    assert held(cluster) == [False, False]
    assert cluster.notes == notes
    assert cluster.patched == [NAME, WORKER, WORKER, NAME], "the one with the notes goes back last"


def test_a_hold_is_on_both_until_it_is_lifted(cluster: Memory) -> None:
    holds.take(cluster.target, print, reason="by hand", pull_request=None)
    assert held(cluster) == [True, True]
    holds.lift(cluster.target, print)
    assert held(cluster) == [False, False]


@pytest.mark.parametrize("then", ["take", "lift"])
def test_a_hold_that_was_cut_off_is_taken_or_lifted_as_a_whole(cluster: Memory, then: str) -> None:
    cluster.following[WORKER]["metadata"]["annotations"]["tekton-delivery/hold"] = json.dumps(
        {"by": "ana", "reason": "cut off", "since": "2026-11-22T12:00:00Z"}
    )
    does: dict[str, Callable[[], object]] = {
        "take": lambda: holds.take(cluster.target, print, reason="again", pull_request=None),
        "lift": lambda: holds.lift(cluster.target, print),
    }
    does[then]()
    assert held(cluster) == ([True, True] if then == "take" else [False, False])


def test_history_tells_what_goes_with_it_and_what_does_not(cluster: Memory) -> None:
    assert f"with it {WORKER}" in printing.lines(cluster.target)
    cluster.follow(WORKER, image("d"))
    assert f"NOT WITH IT {WORKER}, which runs {image('d')}" in printing.lines(cluster.target)
    assert printing.data(cluster.target)["workloads"] == {WORKER: image("d")}


def test_what_is_somebody_elses_is_found_by_its_lease(cluster: Memory) -> None:
    about = {"app.kubernetes.io/name": "blog"}
    lines = "deployments/blog-web web,cron\nstatefulsets/blog-mail mail"
    cluster.held["metadata"] |= {"labels": about, "annotations": {"tekton-delivery/workloads": lines}}
    own, theirs = applications(cluster, "production")
    assert (own.application, theirs.application, theirs.name) == ("shop", "blog", "blog-web")
    assert [(each.kind, each.name, each.containers) for each in (theirs.leads, *theirs.others)] == [
        ("deployments", "blog-web", ("web", "cron")),
        ("statefulsets", "blog-mail", ("mail",)),
    ]


def test_workloads_of_several_images_are_told() -> None:
    (workload,) = workloads("production", ["deployments/blog-web web,cron"], "")
    containers = [{"name": "web", "image": "a:1"}, {"name": "cron", "image": "b:1"}]
    with pytest.raises(OperateError, match="the Deployment blog-web has several images in web, cron: a:1, b:1"):
        running(workload, {"spec": {"template": {"spec": {"containers": containers}}}})
