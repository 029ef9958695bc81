"""Workloads that are somebody else's: a StatefulSet beside a Deployment, several containers, an image by tag before."""

import json
from typing import Any

import pytest

from steps.readiness import waits_for
from steps.workloads import UnfitError, workloads
from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, deploy, reason
from tests.steps.test_restore import given as restoring

TAG, OTHER_TAG = "registry.internal:5000/shop:1.4", "registry.internal:5000/shop-mail:2"
LINES = "deployments/shop-web app\nstatefulsets/shop-mail app"
MAIL = "shop-mail"


@pytest.fixture
def theirs(sandbox: Sandbox) -> Cluster:
    made = sandbox.serve(image=TAG, notes={"meta.helm.sh/release-name": "shop"})
    made.follow(MAIL, OTHER_TAG, {"meta.helm.sh/release-name": "shop"})
    return made


def test_both_get_the_image_by_digest_and_keep_what_is_theirs(sandbox: Sandbox, theirs: Cluster) -> None:
    result = deploy(sandbox, PARAM_DEPLOYMENT=LINES)
    assert result.code == 0, result.err
    assert (theirs.image, theirs.runs(MAIL)) == (NEW, NEW)
    assert theirs.notes["meta.helm.sh/release-name"] == "shop"
    kept = {
        "meta.helm.sh/release-name": "shop",
        "tekton-delivery/before": json.dumps([{"image": OTHER_TAG}]).replace(" ", ""),
    }
    assert theirs.get(f"{MAIL}.json")["metadata"]["annotations"] == kept
    assert f"/apis/apps/v1/namespaces/staging/statefulsets/{MAIL}" in theirs.paths
    assert "/apis/coordination.k8s.io/v1/namespaces/staging/leases/shop-web" in theirs.paths
    assert json.loads(theirs.notes["before"])[0]["image"] == TAG


def test_each_goes_back_to_exactly_what_it_ran(sandbox: Sandbox, theirs: Cluster) -> None:
    theirs.behave(broken=(NEW,))
    assert deploy(sandbox, PARAM_DEPLOYMENT=LINES).code == 1
    assert (theirs.image, theirs.runs(MAIL)) == (TAG, OTHER_TAG)
    assert "rolling-out" not in theirs.notes


def test_rejecting_the_first_delivery_brings_back_what_each_ran(sandbox: Sandbox, theirs: Cluster) -> None:
    assert deploy(sandbox, PARAM_DEPLOYMENT=LINES).code == 0
    result = sandbox.step("restore", **restoring(sandbox, theirs) | {"PARAM_DEPLOYMENT": LINES})
    assert result.code == 0, result.err
    assert (theirs.image, theirs.runs(MAIL)) == (TAG, OTHER_TAG)
    assert deploy(sandbox, PARAM_DEPLOYMENT=LINES).code == 0
    assert (theirs.image, theirs.runs(MAIL)) == (NEW, NEW)


def test_one_that_is_missing_is_named(sandbox: Sandbox, theirs: Cluster) -> None:
    theirs.remove(f"{MAIL}.json")
    assert deploy(sandbox, PARAM_DEPLOYMENT=LINES).code == 1
    assert theirs.image == TAG
    assert reason(sandbox) == f'not rolled out: Error from server (NotFound): "{MAIL}" not found'


@pytest.mark.parametrize("lines", [LINES.replace("shop-web app", "shop-web web"), LINES.replace("mail app", "mail web")])
def test_a_missing_container_is_named(sandbox: Sandbox, theirs: Cluster, lines: str) -> None:
    assert deploy(sandbox, PARAM_DEPLOYMENT=lines).code == 1
    assert (theirs.image, theirs.runs(MAIL)) == (TAG, OTHER_TAG)
    which = "the StatefulSet shop-mail" if "mail web" in lines else "the Deployment shop-web"
    assert reason(sandbox) == f"not rolled out: {which} has no container web"


def test_containers_of_several_images_are_named(sandbox: Sandbox, theirs: Cluster) -> None:
    assert deploy(sandbox, PARAM_DEPLOYMENT="deployments/shop-web app,sidecar").code == 1
    assert reason(sandbox) == f"not rolled out: the Deployment shop-web has several images in app, sidecar: {TAG}, sidecar"


def test_a_stateful_set_whose_pods_would_not_change_is_refused(sandbox: Sandbox, theirs: Cluster) -> None:
    mail = theirs.get(f"{MAIL}.json")
    mail["spec"]["updateStrategy"] = {"type": "OnDelete"}
    theirs.put(f"{MAIL}.json", mail)
    assert deploy(sandbox, PARAM_DEPLOYMENT=LINES).code == 1
    assert theirs.image == TAG
    assert "the StatefulSet shop-mail has the updateStrategy OnDelete" in reason(sandbox)


(SET,) = workloads("staging", [f"statefulsets/{MAIL} app"], "")
DONE = {"observedGeneration": 2, "currentRevision": "b", "updateRevision": "b", "availableReplicas": 3}
UNDER_WAY = DONE | {"currentRevision": "a"}


@pytest.mark.parametrize(
    ("status", "spec", "waits"),
    [
        (DONE, {}, None),
        (DONE | {"observedGeneration": 1}, {}, "its controller has not looked at it"),
        (UNDER_WAY, {}, "0 of 3 replicas are new"),
        (UNDER_WAY | {"updatedReplicas": 2}, {}, "2 of 3 replicas are new"),
        (UNDER_WAY | {"updatedReplicas": 3}, {}, None),
        (DONE | {"availableReplicas": 2}, {"podManagementPolicy": "Parallel"}, "2 of 3 replicas are available"),
        (
            DONE | {"availableReplicas": 2},
            {},
            "2 of 3 replicas are available (OrderedReady: one that never gets ready has to be deleted by hand)",
        ),
        (UNDER_WAY | {"updatedReplicas": 1}, {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, None),
        (UNDER_WAY, {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, "0 of 1 replicas are new"),
        (UNDER_WAY, {"updateStrategy": {"rollingUpdate": {"partition": 5}}}, None),
        (DONE | {"availableReplicas": 0}, {"replicas": 0}, None),
    ],
)
def test_a_stateful_set_serves_once_its_pods_are_new_and_available(
    status: dict[str, Any], spec: dict[str, Any], waits: str | None
) -> None:
    live = {"metadata": {"generation": 2}, "spec": {"replicas": 3} | spec, "status": status}
    assert waits_for(SET, live) == waits


def test_a_container_that_is_gone_is_told_by_name() -> None:
    with pytest.raises(UnfitError, match="the StatefulSet shop-mail has no container app"):
        SET.image({"spec": {"template": {"spec": {"containers": []}}}})
