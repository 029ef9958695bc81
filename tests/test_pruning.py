"""Ended runs are deleted by a job that can do nothing else."""

import pytest

from components.conventions import PRUNER, restricted
from tests.admission import refusals
from tests.support import Declared, Object

USER = "system:serviceaccount:staging-ci:pruner"


def pod(stack: Declared) -> Object:
    job = stack.one("CronJob", PRUNER)
    spec: Object = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def test_it_is_restricted_and_has_no_token_but_its_own(staging: Declared) -> None:
    spec = pod(staging)
    (container,) = spec["containers"]
    assert container["securityContext"] == restricted() | {"readOnlyRootFilesystem": True}
    assert spec["serviceAccountName"] == PRUNER
    assert spec["automountServiceAccountToken"] is False
    assert [volume["name"] for volume in spec["volumes"]] == ["kubernetes-api", "steps"]


def test_it_may_list_and_delete_runs_and_nothing_else(staging: Declared) -> None:
    role = staging.one("Role", PRUNER, "staging-ci")
    assert role["rules"] == [{"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["list", "delete"]}]
    bindings = [item for item in staging.all("RoleBinding") if PRUNER in str(item["subjects"])]
    assert [item["roleRef"]["name"] for item in bindings] == [PRUNER]


def test_it_keeps_as_many_runs_as_the_settings_say(staging: Declared) -> None:
    (container,) = pod(staging)["containers"]
    assert {"name": "KEEP", "value": "50"} in container["env"]


@pytest.mark.parametrize("label", ["app.kubernetes.io/component"])
def test_it_reaches_the_api_server(staging: Declared, label: str) -> None:
    job = staging.one("CronJob", PRUNER)
    labels = job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    policy = staging.one("NetworkPolicy", "pruner-to-api-server", "staging-ci")
    assert policy["spec"]["podSelector"]["matchLabels"] == {label: labels[label]}


def test_where_runs_have_volumes_it_may_delete_those_of_pods(staging: Declared, stacks: dict[str, Declared]) -> None:
    with_volumes = stacks["everything"]
    role = with_volumes.one("Role", PRUNER, "test-ci")
    assert [(rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        (["pipelineruns"], ["list", "delete"]),
        (["pods"], ["list"]),
        (["persistentvolumeclaims"], ["list", "delete"]),
    ]
    assert len(with_volumes.one("Role", PRUNER, "live-ci")["rules"]) == 1, "no pull request runs there"
    for owners, refused in (([{"kind": "Pod"}], False), ([{"kind": "StatefulSet"}], True), ([], True)):
        claim = {"metadata": {"ownerReferences": owners}}
        found = refusals(staging, "tekton-delivery-staging-claims", {}, old=claim, user=USER)
        assert bool(found) == refused, owners


def test_a_run_that_has_not_ended_stays(staging: Declared) -> None:
    for status, refused in (({"completionTime": "2026-11-22T17:20:00Z"}, False), ({}, True)):
        run = {"metadata": {"name": "a"}, "status": status}
        assert bool(refusals(staging, "tekton-delivery-staging-prunings", {}, old=run, user=USER)) == refused
