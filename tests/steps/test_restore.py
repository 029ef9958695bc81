"""The step restore: a rejected pull request leaves nothing behind, and a newer one is not disturbed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.objects import lease
from tests.tasks.scripts.conftest import Result

FIRST = "registry.internal:5000/shop@sha256:" + "a" * 64
SECOND = "registry.internal:5000/shop@sha256:" + "b" * 64
PLACEHOLDER = "registry.internal:5000/platform/tools@sha256:" + "0" * 64


def before(image: str, commit: str | None, pull_request: str | None) -> dict[str, Any]:
    return {"image": image, "commit": commit, "pullRequest": pull_request}


def restore(sandbox: Sandbox, cluster: Cluster) -> Result:
    return sandbox.step("restore", **given(sandbox, cluster))


def given(sandbox: Sandbox, cluster: Cluster) -> dict[str, str | Path]:
    return {
        "PARAM_PULL_REQUEST": "7",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_CONTAINER": "app",
        "PARAM_TIMEOUT": "60s",
        "NAMESPACE": "staging",
        "RUN": "run-2",
        "ROLLOUT_SECONDS": "1" if cluster.broken else "60",
        "RESULT_REASON_PATH": sandbox.root / "reason",
    }


def served(sandbox: Sandbox, pull_request: str, history: list[dict[str, Any]]) -> Cluster:
    """A Deployment that runs the second image for a pull request."""
    notes = {
        "tekton-delivery/pull-request": pull_request,
        "tekton-delivery/commit": "b" * 40,
        "tekton-delivery/digest": "sha256:" + "b" * 64,
        "tekton-delivery/before": json.dumps(history),
    }
    return sandbox.serve(image=SECOND, notes=notes)


def test_what_was_served_before_comes_back(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "7", [before(PLACEHOLDER, None, None), before(FIRST, "a" * 40, "6")])
    result = restore(sandbox, cluster)
    assert result.code == 0, result.err
    assert cluster.image == FIRST
    notes = cluster.notes
    assert json.loads(notes["before"]) == [before(PLACEHOLDER, None, None)]
    assert (notes["commit"], notes["pull-request"], notes["digest"]) == ("a" * 40, "6", "sha256:" + "a" * 64)
    assert f"restored {FIRST}" in result.out
    (entry,) = json.loads(notes["history"])
    assert entry == before(FIRST, "a" * 40, "6") | {"run": "run-2", "at": notes["delivered-at"]}


def test_before_the_first_delivery_that_is_the_placeholder(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "7", [before(PLACEHOLDER, None, None)])
    assert restore(sandbox, cluster).code == 0
    assert cluster.image == PLACEHOLDER
    assert not cluster.notes.keys() & {"commit", "pull-request", "digest"}


def test_notes_of_no_form_are_not_handed_on(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "7", [before(FIRST, "a" * 40, "6"), before(FIRST, "x" * 4000, "6" * 4000)])
    result = restore(sandbox, cluster)
    assert result.code == 0, result.err
    assert (cluster.image, json.loads(cluster.notes["before"])) == (FIRST, [before(FIRST, "a" * 40, "6")])
    assert not cluster.notes.keys() & {"commit", "pull-request", "digest"}


def test_another_pull_request_that_came_later_stays_and_forgets_the_rejected_one(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "8", [before(PLACEHOLDER, None, None), before(FIRST, "a" * 40, "7")])
    result = restore(sandbox, cluster)
    assert result.code == 0, result.err
    assert cluster.image == SECOND
    assert cluster.notes["pull-request"] == "8"
    assert json.loads(cluster.notes["before"]) == [before(PLACEHOLDER, None, None)]
    assert "nothing to restore" in result.out


def test_a_pull_request_that_never_got_here_changes_nothing(sandbox: Sandbox) -> None:
    cluster = sandbox.serve(image=FIRST)
    result = restore(sandbox, cluster)
    assert result.code == 0, result.err
    assert cluster.image == FIRST


def test_a_deploy_meanwhile_is_not_undone(sandbox: Sandbox) -> None:
    """The patch names the version it was made for: what somebody else changed is read again first."""
    cluster = served(sandbox, "7", [before(FIRST, "a" * 40, "6")])
    newer = cluster.get("live.json")
    newer["metadata"] |= {"resourceVersion": "2"}
    newer["metadata"]["annotations"]["tekton-delivery/pull-request"] = "8"
    cluster.put("after-get", newer)
    assert restore(sandbox, cluster).code == 0
    assert cluster.image == SECOND


@pytest.mark.parametrize("behaviour", ["broken", "refused"])
def test_a_way_back_that_fails_fails_the_step(sandbox: Sandbox, behaviour: str) -> None:
    cluster = served(sandbox, "7", [before(FIRST, "a" * 40, "6")])
    cluster.behave(**{behaviour: (FIRST,)})
    notes = cluster.notes
    result = restore(sandbox, cluster)
    assert result.code != 0
    assert result.err
    assert cluster.image == SECOND, "what serves is what is noted"
    assert cluster.notes == notes


def test_cancelled_it_leaves_what_serves_and_no_lease(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "7", [before(FIRST, "a" * 40, "6")])
    cluster.behave(hangs="rollout")
    notes = cluster.notes
    result = sandbox.cancelled("restore", sandbox.root / "hanging", **given(sandbox, cluster))
    assert result.code == 143, result.err
    assert (cluster.image, cluster.notes) == (SECOND, notes)
    assert cluster.holder is None


@pytest.mark.parametrize(("pull_request", "wanted"), [("6", SECOND), ("7", FIRST)])
def test_what_a_killed_deploy_left_goes_too(sandbox: Sandbox, pull_request: str, wanted: str) -> None:
    """Whether it was the rejected pull request's or came after it."""
    unready = FIRST.replace("a" * 64, "d" * 64)
    cluster = served(sandbox, pull_request, [before(FIRST, "a" * 40, "5")])
    live = cluster.get("live.json")
    live["spec"]["template"]["spec"]["containers"][1]["image"] = unready
    left = {"image": unready, "former": SECOND, "run": "killed"}
    live["metadata"]["annotations"]["tekton-delivery/rolling-out"] = json.dumps(left)
    cluster.put("live.json", live)
    result = restore(sandbox, cluster)
    assert result.code == 0, result.err
    assert cluster.image == wanted
    assert "rolling-out" not in cluster.notes
    assert cluster.notes["pull-request"] == ("6" if pull_request == "6" else "5")


def test_it_waits_its_turn_like_a_deploy(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "7", [before(FIRST, "a" * 40, "6")])
    cluster.put("lease.json", lease("another", age=1))
    cluster.put("after-lease", {"metadata": {"resourceVersion": "8"}, "spec": {}})
    result = restore(sandbox, cluster)
    assert "waiting for another deploy" in result.out
    assert cluster.image == FIRST
    assert cluster.holder is None


def test_what_people_hold_is_not_restored_before_they_lift_it(sandbox: Sandbox) -> None:
    """Not even if it is held for the very pull request that was closed: somebody is looking at it."""
    cluster = served(sandbox, "7", [before(FIRST, "a" * 40, "6")])
    live = cluster.get("live.json")
    hold = {"by": "ana", "reason": "testing by hand", "pullRequest": "7"}
    live["metadata"]["annotations"]["tekton-delivery/hold"] = json.dumps(hold)
    cluster.put("live.json", live)
    result = restore(sandbox, cluster)
    assert result.code == 1
    assert cluster.image == SECOND
    assert (sandbox.root / "reason").read_text() == "queued: staging is held for #7 by ana: testing by hand"


def test_another_pull_request_is_forgotten_in_a_frozen_environment(sandbox: Sandbox) -> None:
    cluster = served(sandbox, "8", [before(PLACEHOLDER, None, None), before(FIRST, "a" * 40, "7")])
    cluster.put("freeze.json", {"metadata": {"annotations": {"tekton-delivery/frozen": "stock-taking"}}})
    assert restore(sandbox, cluster).code == 0
    assert json.loads(cluster.notes["before"]) == [before(PLACEHOLDER, None, None)]
