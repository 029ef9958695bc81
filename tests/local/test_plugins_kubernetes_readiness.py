"""The stand-in for kubernetes: when an object is ready, and what is not waited for."""

import pytest

from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.readiness import WaitError, check_for
from tests.local.kubernetes_kinds import DEPLOYMENT


def test_a_definition_is_ready_when_it_is_established():
    check = check_for(Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"), {})
    established = {"type": "Established", "status": "True"}
    assert check(None, {"status": {"conditions": [established]}}) is None
    assert "not established" in check(None, {})
    with pytest.raises(WaitError, match="names are not accepted: taken"):
        check(None, {"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}})


def live_deployment(**status):
    return {"kind": "Deployment", "metadata": {"name": "a", "generation": 2}, "spec": {"replicas": 2}, "status": status}


def test_a_deployment_is_ready_when_the_new_pods_are_available_and_the_old_ones_gone():
    check = check_for(DEPLOYMENT, {})
    done = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    assert check(None, live_deployment(**done)) is None
    for change in ({"observedGeneration": 1}, {"availableReplicas": 1}, {"updatedReplicas": 1}, {"replicas": 3}):
        assert check(None, live_deployment(**{**done, **change}))
    exceeded = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too late"}]
    with pytest.raises(WaitError, match="too late"):
        check(None, live_deployment(**{**done, "availableReplicas": 0, "conditions": exceeded}))


def test_a_quota_is_ready_when_all_that_it_bounds_is_counted():
    check = check_for(Kind("v1", "ResourceQuota"), {})
    bounds = {"pods": "20", "count/pipelineruns.tekton.dev": "200"}
    assert check(None, {"spec": {"hard": bounds}, "status": {"hard": bounds}}) is None
    for status in ({}, {"hard": {"pods": "20"}}):
        assert check(None, {"spec": {"hard": bounds}, "status": status}) == "the ResourceQuota is not counted yet"


def test_nothing_waits_where_the_object_says_so():
    assert check_for(DEPLOYMENT, {"metadata": {"annotations": {"pulumi.com/skipAwait": "true"}}}) is None
    assert check_for(Kind("tekton.dev/v1", "Task"), {}) is None
