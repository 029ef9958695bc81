"""Several Deployments of one image: they go forward and back with the one that leads, which alone has notes and a Lease."""

import json
from typing import Any

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, cancel, deploy, reason
from tests.steps.test_restore import given as restoring

WORKER, MAIL = "shop-worker-pod", "shop-mail-pod"
PLACEHOLDER = "registry.internal:5000/platform/tools@sha256:" + "0" * 64
ALL = f"shop-pod\n{WORKER}\n{MAIL}"
BACK = f"{WORKER}: sha256:{'b' * 64} was not ready within 60s; restored sha256:{'a' * 64}"


@pytest.fixture
def several(cluster: Cluster) -> Cluster:
    cluster.follow(WORKER, OLD)
    cluster.follow(MAIL, OLD)
    return cluster


def images(cluster: Cluster) -> set[str]:
    return {cluster.image, cluster.runs(WORKER), cluster.runs(MAIL)}


def never_ready(cluster: Cluster, name: str) -> None:
    """Have one of them never get ready with the new image."""
    reconcile = cluster._reconcile

    def broken(kept: str) -> None:
        cluster.broken = (NEW,) if kept == f"{name}.json" else ()
        reconcile(kept)

    cluster._reconcile = broken  # type: ignore[method-assign]


def test_they_go_forward_together_and_the_one_that_leads_is_noted_on(sandbox: Sandbox, several: Cluster) -> None:
    result = deploy(sandbox, PARAM_DEPLOYMENT=ALL)
    assert result.code == 0, result.err
    assert images(several) == {NEW}
    assert several.notes["digest"] == "sha256:" + "b" * 64
    for name in (WORKER, MAIL):
        assert several.get(f"{name}.json")["metadata"]["annotations"] == {}
        assert f"PATCH {name}" in several.calls
        assert f"WATCH {name}" in several.calls, "it is waited for"
    changed = [call for call in several.calls if call.startswith("PATCH")]
    each = [f"PATCH {WORKER}", f"PATCH {MAIL}"]
    assert changed == ["PATCH deployment", *each, "PATCH deployment", *each], "their notes go once it is settled"
    assert several.holder is None
    assert {path.rpartition("/")[2] for path in several.paths if "/leases/" in path} == {"shop-pod"}


def test_one_that_does_not_get_ready_takes_all_back(sandbox: Sandbox, several: Cluster) -> None:
    never_ready(several, WORKER)
    result = deploy(sandbox, PARAM_DEPLOYMENT=ALL, ROLLOUT_SECONDS="1")
    assert result.code == 1
    assert images(several) == {OLD}
    assert several.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert reason(sandbox) == BACK
    changed = [call for call in several.calls if call.startswith("PATCH")]
    assert changed[3:] == [f"PATCH {WORKER}", f"PATCH {MAIL}", "PATCH deployment"], "the note goes last"


def test_what_was_not_delivered_yet_goes_back_to_what_stood_for_it(sandbox: Sandbox, cluster: Cluster) -> None:
    """The image that served before may be from before there was a worker in it."""
    cluster.follow(WORKER, PLACEHOLDER)
    never_ready(cluster, WORKER)
    assert deploy(sandbox, PARAM_DEPLOYMENT=f"shop-pod\n{WORKER}", ROLLOUT_SECONDS="1").code == 1
    assert (cluster.image, cluster.runs(WORKER)) == (OLD, PLACEHOLDER)


def test_a_note_that_stayed_of_a_rollout_that_was_settled_tells_nothing(sandbox: Sandbox, cluster: Cluster) -> None:
    """The step was killed between the two."""
    cluster.follow(WORKER, OLD, {"tekton-delivery/rolling-out": json.dumps({"image": OLD, "former": "older", "run": "a"})})
    never_ready(cluster, WORKER)
    assert deploy(sandbox, PARAM_DEPLOYMENT=f"shop-pod\n{WORKER}", ROLLOUT_SECONDS="1").code == 1
    assert (cluster.image, cluster.runs(WORKER)) == (OLD, OLD)
    assert cluster.get(f"{WORKER}.json")["metadata"]["annotations"] == {}


@pytest.mark.parametrize("when", ["patch", "rollout"])
def test_cancelled_all_are_as_before(sandbox: Sandbox, several: Cluster, when: str) -> None:
    several.behave(broken=(NEW,), hangs=when)
    result = cancel(sandbox, "hanging", PARAM_DEPLOYMENT=ALL)
    assert result.code != 0
    assert images(several) == {OLD}
    assert "rolling-out" not in several.notes
    assert reason(sandbox) == f"cancelled before sha256:{'b' * 64} was ready; restored sha256:{'a' * 64}"


def test_one_that_was_refused_takes_the_others_back(sandbox: Sandbox, several: Cluster) -> None:
    patched = several._patched

    def held(live: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
        several.refused = (NEW,) if several.calls[-1] == f"PATCH {MAIL}" else ()
        return patched(live, patch)

    several._patched = held  # type: ignore[method-assign]
    result = deploy(sandbox, PARAM_DEPLOYMENT=ALL)
    assert result.code == 1
    assert images(several) == {OLD}
    assert reason(sandbox).endswith(f"; restored sha256:{'a' * 64}")


def test_a_missing_one_is_named_before_anything_changes(sandbox: Sandbox, several: Cluster) -> None:
    several.remove(f"{MAIL}.json")
    assert deploy(sandbox, PARAM_DEPLOYMENT=ALL).code == 1
    assert (several.image, several.runs(WORKER)) == (OLD, OLD)
    assert reason(sandbox) == f'not rolled out: Error from server (NotFound): "{MAIL}" not found'


def test_one_that_is_held_holds_all(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.follow(WORKER, OLD, {"tekton-delivery/hold": json.dumps({"by": "ana", "reason": "by hand"})})
    assert deploy(sandbox, PARAM_DEPLOYMENT=f"shop-pod\n{WORKER}").code == 1
    assert (cluster.image, cluster.runs(WORKER)) == (OLD, OLD)
    assert reason(sandbox) == "queued: staging is held by ana: by hand"


@pytest.mark.parametrize("reached", [(), (WORKER,), (WORKER, MAIL)])
def test_what_a_killed_deploy_left_is_taken_along_by_the_next_one(
    sandbox: Sandbox, cluster: Cluster, reached: tuple[str, ...]
) -> None:
    """It had changed none of those that follow, or one, or all of them."""
    left = {"tekton-delivery/rolling-out": json.dumps({"image": NEW, "former": OLD, "run": "killed"})}
    cluster = sandbox.serve(image=NEW, notes=left)
    for name in (WORKER, MAIL):
        cluster.follow(name, *((NEW, left) if name in reached else (OLD,)))
    result = sandbox.step("restore", **restoring(sandbox, cluster) | {"PARAM_DEPLOYMENT": ALL})
    assert result.code == 0, result.err
    assert images(cluster) == {OLD}
    assert "rolling-out" not in cluster.notes


def test_what_a_killed_deploy_left_goes_back_to_what_it_ran_itself(sandbox: Sandbox, cluster: Cluster) -> None:
    left = {"tekton-delivery/rolling-out": json.dumps({"image": NEW, "former": OLD, "run": "killed"})}
    cluster = sandbox.serve(image=NEW, notes=left)
    note = json.dumps({"image": NEW, "former": PLACEHOLDER, "run": "killed"})
    cluster.follow(WORKER, NEW, {"tekton-delivery/rolling-out": note})
    newer = NEW.replace("b", "d")
    cluster.behave(broken=(newer,))
    assert deploy(sandbox, newer, PARAM_DEPLOYMENT=f"shop-pod\n{WORKER}").code == 1
    assert (cluster.image, cluster.runs(WORKER)) == (OLD, PLACEHOLDER)


def test_a_rejected_pull_request_takes_all_back(sandbox: Sandbox) -> None:
    before = [{"image": OLD, "commit": "a" * 40, "pullRequest": "6"}]
    notes = {"tekton-delivery/pull-request": "7", "tekton-delivery/before": json.dumps(before)}
    cluster = sandbox.serve(image=NEW, notes=notes)
    for name in (WORKER, MAIL):
        cluster.follow(name, NEW)
    result = sandbox.step("restore", **restoring(sandbox, cluster) | {"PARAM_DEPLOYMENT": ALL})
    assert result.code == 0, result.err
    assert images(cluster) == {OLD}
