"""What a stolen token of a listener or supervisor may not do, although RBAC lets its verbs through.

Everything is tried with the identity's own token as a dry run: it goes through admission, and changes nothing.
"""

import copy
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from components.policies.runs import CANCELLED
from local.forge.replay import rewrite
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object, wait_until
from tests.e2e.admission import SHA, Change, put, refused
from tests.e2e.world import World, payload
from tests.sink import deliver
from tests.support import record_stack
from tests.test_longest_names import largest

RUNS = ("tekton.dev", "v1", "staging-ci", "pipelineruns")


def test_the_server_takes_the_policies_of_40_applications_with_the_longest_names(world: World) -> None:
    """It reads each expression as it is declared. What one costs is counted when it is asked."""
    admission = client.AdmissionregistrationV1Api(world.kubernetes.api)
    policies = largest().all("ValidatingAdmissionPolicy")
    assert len(policies) > 10
    for policy in policies:
        made = admission.create_validating_admission_policy(policy, dry_run="All")
        assert made.metadata.name == policy["metadata"]["name"]
    wrong = policies[0] | {"spec": policies[0]["spec"] | {"validations": [{"expression": "nobody == 1"}], "variables": []}}
    with pytest.raises(client.ApiException, match="undeclared reference to 'nobody'"):
        admission.create_validating_admission_policy(wrong, dry_run="All")


# The listener


def _started(environment: str, name: str) -> Object:
    """The run that a webhook starts, as the environment's TriggerTemplate makes it."""
    body = rewrite(payload("github", name), repository=REPOSITORY, head_sha=SHA, merge_sha=SHA, number=987654)
    (run,) = deliver(record_stack(environment), body)
    return run


@pytest.fixture(scope="module")
def run() -> Object:
    return _started("staging", "opened")


@pytest.fixture(scope="module")
def listener(world: World) -> Any:
    return client.CustomObjectsApi(world.as_account("staging-ci", "listener"))


@pytest.mark.parametrize(
    ("environment", "webhook"), [("staging", "opened"), ("staging", "closed_unmerged"), ("production", "closed_merged")]
)
def test_a_listener_starts_what_its_templates_declare(world: World, environment: str, webhook: str) -> None:
    api: Any = client.CustomObjectsApi(world.as_account(f"{environment}-ci", "listener"))
    body = _started(environment, webhook)
    made = api.create_namespaced_custom_object("tekton.dev", "v1", f"{environment}-ci", "pipelineruns", body, dry_run="All")
    assert made["metadata"]["name"] == body["metadata"]["name"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(put("spec", "taskRunSpecs", 0, "serviceAccountName", value="deployer"), "taskRunSpecs", id="account"),
        pytest.param(
            put("spec", "taskRunTemplate", "serviceAccountName", value="deployer"), "taskRunTemplate", id="default"
        ),
        pytest.param(
            put("spec", "taskRunTemplate", "podTemplate", value={"hostNetwork": True}), "taskRunTemplate", id="pod"
        ),
        pytest.param(
            put("spec", "taskRunSpecs", 0, "podTemplate", "hostUsers", value=True), "taskRunSpecs", id="host-users"
        ),
        pytest.param(
            put("spec", "taskRunSpecs", 0, "podTemplate", "automountServiceAccountToken", value=True),
            "taskRunSpecs",
            id="token",
        ),
        pytest.param(
            put("spec", "taskRunSpecs", 0, "stepSpecs", value=[{"name": "test", "computeResources": {}}]),
            "taskRunSpecs",
            id="step-specs",
        ),
        pytest.param(lambda run: run["spec"]["taskRunSpecs"].pop(0), "taskRunSpecs", id="no-task-specs"),
        pytest.param(lambda run: run["spec"].pop("taskRunTemplate"), "taskRunTemplate", id="no-account"),
        pytest.param(
            lambda run: run["spec"].update(
                pipelineSpec={"tasks": [{"name": "a", "taskRef": {"name": "stage"}}]}, pipelineRef=None
            ),
            "pipelineSpec",
            id="inline-pipeline",
        ),
        pytest.param(
            put("spec", "pipelineRef", value={"resolver": "git", "params": [{"name": "url", "value": "https://evil"}]}),
            "pipelineRef",
            id="resolver",
        ),
        pytest.param(
            put("spec", "pipelineRef", "name", value="chespirito-staging-rejected-pipeline"), "pipelineRef", id="pipeline"
        ),
        pytest.param(
            put("spec", "workspaces", 0, "secret", "secretName", value="registry-push"), "workspaces", id="other-secret"
        ),
        pytest.param(
            lambda run: run["spec"]["workspaces"].append({"name": "more", "emptyDir": {}}), "workspaces", id="workspace"
        ),
        pytest.param(put("spec", "status", value="PipelineRunPending"), "status", id="pending"),
        pytest.param(put("spec", "timeouts", value={"tasks": "0s", "pipeline": "0s"}), "timeouts", id="timeouts"),
        pytest.param(put("spec", "timeouts", "pipeline", value="9000h0m0s"), "timeouts", id="a-year"),
        pytest.param(put("spec", "timeouts", value={"pipeline": "0s"}), "timeouts", id="no-end"),
        pytest.param(lambda run: run["spec"].pop("timeouts"), "timeouts", id="the-clusters-timeouts"),
        pytest.param(put("spec", "params", 1, "value", value="main"), "params", id="branch-for-sha"),
        pytest.param(put("spec", "params", 0, "value", value="1; id"), "params", id="number"),
        pytest.param(put("spec", "params", 0, "value", value="$(context.pipelineRun.uid)"), "params", id="variable"),
        pytest.param(put("spec", "params", 0, "value", value="1\n2"), "params", id="lines"),
        pytest.param(put("spec", "params", 0, "value", value=["1"]), "params", id="list"),
        pytest.param(lambda run: run["spec"]["params"].append({"name": "image", "value": "x"}), "params", id="param"),
        pytest.param(lambda run: run["spec"]["params"].pop(), "params", id="no-sha"),
        pytest.param(lambda run: run["spec"].pop("params"), "params", id="no-params"),
        pytest.param(
            put("metadata", "labels", "tekton-delivery/commit", value=SHA.replace("0", "1")), "labels", id="commit-label"
        ),
        pytest.param(put("metadata", "labels", "tekton-delivery/pull-request", value="1"), "labels", id="number-label"),
        pytest.param(put("metadata", "labels", "tekton-delivery/event", value="rejected"), "labels", id="event-label"),
        pytest.param(put("metadata", "labels", "tekton-delivery/event", value="merge"), "events", id="unknown-event"),
        pytest.param(put("metadata", "labels", "app.kubernetes.io/name", value="other"), "applications", id="application"),
        pytest.param(put("metadata", "labels", "tekton.dev/memberOf", value="x"), "labels", id="label"),
        pytest.param(lambda run: run["metadata"].pop("labels"), "events", id="no-labels"),
        pytest.param(put("metadata", "annotations", value={"a": "b"}), "annotations", id="annotation"),
        pytest.param(put("metadata", "finalizers", value=["example.org/stay"]), "finalizers", id="finalizer"),
        pytest.param(put("metadata", "name", value="chespirito-staging-1-01234567-20260101000000"), "named", id="name"),
    ],
)
def test_a_listener_starts_nothing_else(listener: Any, run: Object, change: Change, says: str) -> None:
    altered = copy.deepcopy(run)
    change(altered)
    told = refused(lambda: listener.create_namespaced_custom_object(*RUNS, altered, dry_run="All"), "staging-runs")
    assert says in told


def test_a_listener_starts_as_many_runs_as_the_quota_leaves(world: World, listener: Any, run: Object) -> None:
    counted, core = "count/pipelineruns.tekton.dev", world.kubernetes.core

    def quota() -> Any:
        return core.read_namespaced_resource_quota("runs", "staging-ci")

    def allow(number: str) -> None:
        core.patch_namespaced_resource_quota("runs", "staging-ci", {"spec": {"hard": {counted: number}}})
        wait_until(lambda: quota().status.hard == {counted: number}, 30, "the quota does not change")

    def attempt() -> Any:
        return listener.create_namespaced_custom_object(*RUNS, copy.deepcopy(run), dry_run="All")

    wait_until(lambda: (quota().status.used or {}).get(counted) is not None, 60, "nobody counts runs")
    declared = quota().spec.hard[counted]
    attempt()
    allow("0")
    try:
        with pytest.raises(client.ApiException) as refusal:
            attempt()
    finally:
        allow(declared)
    assert refusal.value.status == 403
    assert "exceeded quota: runs" in refusal.value.body
    attempt()


def test_an_older_api_version_is_no_way_around(listener: Any, run: Object) -> None:
    older = copy.deepcopy(run) | {"apiVersion": "tekton.dev/v1beta1"}
    older["spec"].pop("taskRunTemplate")
    older["spec"] |= {"serviceAccountName": "deployer", "taskRunSpecs": []}
    place = ("tekton.dev", "v1beta1", *RUNS[2:])
    assert "taskRunTemplate" in refused(
        lambda: listener.create_namespaced_custom_object(*place, older, dry_run="All"), "staging-runs"
    )


@pytest.mark.parametrize(
    ("plural", "kind"), [("taskruns", "TaskRun"), ("pipelines", "Pipeline"), ("customruns", "CustomRun")]
)
def test_a_listener_creates_no_other_kind(listener: Any, plural: str, kind: str) -> None:
    body = {
        "apiVersion": "tekton.dev/v1",
        "kind": kind,
        "metadata": {"name": "probe"},
        "spec": {"taskRef": {"name": "stage"}},
    }
    version = "v1beta1" if plural == "customruns" else "v1"
    with pytest.raises(client.ApiException) as answer:
        listener.create_namespaced_custom_object("tekton.dev", version, "staging-ci", plural, body, dry_run="All")
    assert answer.value.status == 403


def test_stagings_listener_starts_nothing_in_production(listener: Any) -> None:
    body = _started("production", "closed_merged")
    with pytest.raises(client.ApiException) as answer:
        listener.create_namespaced_custom_object("tekton.dev", "v1", "production-ci", "pipelineruns", body, dry_run="All")
    assert answer.value.status == 403


# The supervisor


@pytest.fixture
def waiting(world: World, run: Object) -> Iterator[str]:
    """A run that was asked to wait before it starts anything; its name."""
    name = f"probe-{uuid.uuid4().hex[:8]}"
    body = copy.deepcopy(run) | {"metadata": {"name": name, "labels": {"probe": "yes"}}}
    body["spec"]["status"] = "PipelineRunPending"
    world.kubernetes.custom.create_namespaced_custom_object(*RUNS, body)
    yield name
    world.kubernetes.custom.delete_namespaced_custom_object(*RUNS, name)


def test_a_supervisor_cancels_and_changes_nothing_else(world: World, waiting: str) -> None:
    supervisor: Any = client.CustomObjectsApi(world.as_account("staging-ci", "supervisor"))

    def change(body: Object) -> Any:
        return supervisor.patch_namespaced_custom_object(*RUNS, waiting, body, dry_run="All")

    cancel = {"spec": {"status": CANCELLED}}
    overtaken = {"metadata": {"annotations": {"tekton-delivery/superseded-by": "f" * 40}}}
    for body in (cancel, cancel | overtaken):
        assert change(body)["spec"]["status"] == CANCELLED
    for body in (
        {"spec": {"params": [{"name": "pull-request", "value": "2"}]}},
        {"spec": {"taskRunTemplate": {"serviceAccountName": "deployer"}}},
        {"spec": {"status": ""}},
        {"spec": {"status": "StoppedRunFinally"}},
        cancel | {"metadata": {"labels": {"tekton-delivery/pull-request": "2"}}},
        cancel | {"metadata": {"annotations": {"tekton-delivery/superseded-by": "text of a thief"}}},
        cancel | {"metadata": {"finalizers": ["example.org/stay"]}},
        cancel | {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]}},
    ):
        refused(lambda body=body: change(body), "staging-cancellations")  # type: ignore[misc]
