"""Deploy: what people hold or freeze stays, and the delivery is queued."""

import json
from typing import Any

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, deploy, reason
from tests.steps.objects import deployment

ANA = {"by": "ana", "reason": "testing by hand", "since": "2026-11-22T12:00:00Z"}


def held(sandbox: Sandbox, **more: str) -> Cluster:
    return sandbox.serve(image=OLD, notes=OLD_NOTES | {"tekton-delivery/hold": json.dumps(ANA | more)})


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        ({}, "queued: staging is held by ana: testing by hand"),
        ({"pullRequest": "6"}, "queued: staging is held for #6 by ana: testing by hand"),
    ],
)
def test_what_people_hold_stays_and_the_delivery_is_queued(sandbox: Sandbox, hold: dict[str, str], said: str) -> None:
    """It fails, so that no later step vouches for what was not rolled out."""
    cluster = held(sandbox, **hold)
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD
    assert reason(sandbox) == said
    assert cluster.holder is None


def test_the_pull_request_that_an_environment_is_held_for_goes_on(sandbox: Sandbox) -> None:
    cluster = held(sandbox, pullRequest="7")
    assert deploy(sandbox).code == 0
    assert cluster.image == NEW
    assert json.loads(cluster.notes["hold"])["pullRequest"] == "7", "and stays held"


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        ({"metadata": {}, "data": {"frozen": json.dumps(ANA)}}, "queued: staging is frozen by ana: testing by hand"),
        (
            {"metadata": {"annotations": {"tekton-delivery/frozen": "stock-taking"}}},
            "queued: staging is frozen by its settings: stock-taking",
        ),
    ],
)
def test_nothing_is_rolled_out_in_a_frozen_environment(
    sandbox: Sandbox, cluster: Cluster, freeze: dict[str, Any], said: str
) -> None:
    cluster.put("freeze.json", freeze)
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD
    assert reason(sandbox) == said


def test_what_cannot_be_asked_counts_as_frozen(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.remove("freeze.json")
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.image == OLD
    assert "not found" in result.err


def test_a_hold_that_comes_between_reading_and_changing_is_seen(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("after-get", deployment(OLD, OLD_NOTES | {"tekton-delivery/hold": json.dumps(ANA)}, version=2))
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD


def test_an_older_merge_is_not_queued(sandbox: Sandbox, history: dict[str, str]) -> None:
    cluster = held(sandbox)
    live = cluster.get("live.json")
    live["metadata"]["annotations"]["tekton-delivery/merge-commit"] = history["second"]
    cluster.put("live.json", live)
    result = deploy(sandbox, merge_sha=history["first"], history=history["path"])
    assert result.code == 0, result.err
    assert reason(sandbox) == "superseded: what runs was merged later"
