"""Admission policies: each identity's own work passes, and what is not its work does not."""

import copy
from typing import Any

import pytest

from local.forge.replay import rewrite
from tests.admission import refusals
from tests.sink import deliver
from tests.support import SERVICE_IMAGE, STACKS, Declared, Object, both_environments, with_services
from tests.test_routing import payload

SHA = "0123456789abcdef0123456789abcdef01234567"
LISTENERS = {name: f"system:serviceaccount:{name}-ci:listener" for name in STACKS}
DEPLOYERS = {name: f"system:serviceaccount:{name}-ci:deployer" for name in STACKS}
SUPERVISOR = "system:serviceaccount:staging-ci:supervisor"
IMAGE = f"registry.internal:5000/chespirito@sha256:{'a' * 64}"

POLICIES = {
    "staging": dict.fromkeys(("runs", "prunings", "cancellations", "pods"), "staging-ci")
    | dict.fromkeys(("deploys", "leases"), "staging"),
    "production": {"runs": "production-ci", "prunings": "production-ci", "deploys": "production", "leases": "production"},
}


@pytest.mark.parametrize("name", STACKS)
def test_every_policy_denies_in_its_one_namespace(stacks: dict[str, Declared], name: str) -> None:
    stack = stacks[name]
    expected = {f"tekton-delivery-{name}-{policy}": namespace for policy, namespace in POLICIES[name].items()}
    assert stack.names("ValidatingAdmissionPolicy") == sorted(expected)
    assert stack.names("ValidatingAdmissionPolicyBinding") == sorted(expected)
    for policy, namespace in expected.items():
        assert stack.one("ValidatingAdmissionPolicyBinding", policy)["spec"] == {
            "policyName": policy,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
        }


def test_what_cannot_be_evaluated_is_refused(stack: Declared) -> None:
    for policy in stack.all("ValidatingAdmissionPolicy"):
        assert policy["spec"]["failurePolicy"] == "Fail"
        for validation in policy["spec"]["validations"]:
            assert validation["message"]
            assert "\n" not in validation["message"]


def test_the_listener_starts_nothing_before_it_is_held_to_its_shapes(stack: Declared) -> None:
    policies = {resource.urn for resource in stack.resources if "Policies$" in resource.urn}
    listener = stack.resource("EventListener", *stack.names("EventListener"))
    assert policies <= set(listener.dependencies)


def run(stack: Declared, event: str = "opened") -> Object:
    """The run that a webhook starts."""
    body = rewrite(payload("github", event), repository="acme/chespirito", head_sha=SHA, merge_sha=SHA, number=7)
    (made,) = deliver(stack, body)
    # The webhook of Tekton has gone over it by then.
    made["spec"]["timeouts"] = {"pipeline": "1h0m0s"}
    for task in made["spec"]["taskRunSpecs"]:
        if "timeout" in task:
            task["timeout"] = "20m0s"
    return made


def start(stack: Declared, made: Object, environment: str = "staging") -> list[str]:
    return refusals(stack, f"tekton-delivery-{environment}-runs", made, user=LISTENERS["staging"])


@pytest.mark.parametrize("event", ["opened", "closed_unmerged"])
def test_what_templates_start_is_admitted(staging: Declared, event: str) -> None:
    assert start(staging, run(staging, event)) == []


def test_what_a_merge_starts_is_admitted(production: Declared) -> None:
    user = LISTENERS["production"]
    assert refusals(production, "tekton-delivery-production-runs", run(production, "closed_merged"), user=user) == []


@pytest.mark.parametrize("environment", STACKS)
def test_one_listener_for_both_environments_is_held_to_each_ones_shapes(environment: str) -> None:
    both = both_environments()
    made = run(both, "opened" if environment == "staging" else "closed_merged")
    assert start(both, made, environment) == []
    made["spec"]["taskRunTemplate"]["serviceAccountName"] = "other"
    assert len(start(both, made, environment)) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "taskRunSpecs", 0, "serviceAccountName"), "deployer"),
        (("spec", "taskRunSpecs", 0, "podTemplate", "hostUsers"), True),
        (("spec", "taskRunSpecs", 0, "timeout"), "9h0m0s"),
        (("spec", "taskRunTemplate", "podTemplate"), {"hostNetwork": True}),
        (("spec", "pipelineSpec"), {"tasks": []}),
        (("spec", "pipelineRef", "resolver"), "git"),
        (("spec", "pipelineRef", "name"), "other"),
        (("spec", "workspaces", 0, "secret", "secretName"), "registry-push"),
        (("spec", "timeouts", "tasks"), "0s"),
        (("spec", "managedBy"), "somebody"),
        (("spec", "params", 1, "value"), "main"),
        (("spec", "params", 0, "value"), "07"),
        (("spec", "params", 0, "name"), "number"),
        (("metadata", "labels", "tekton-delivery/commit"), SHA[::-1]),
        (("metadata", "labels", "tekton-delivery/event"), "merge"),
        (("metadata", "labels", "app.kubernetes.io/name"), "other"),
        (("metadata", "labels", "more"), "x"),
        (("metadata", "annotations"), {"more": "x"}),
        (("metadata", "name"), "other"),
    ],
    ids=lambda value: ".".join(str(part) for part in value) if isinstance(value, tuple) else "",
)
def test_a_run_of_another_shape_is_refused(staging: Declared, path: tuple[Any, ...], value: Any) -> None:
    made = run(staging)
    item: Any = made
    for part in path[:-1]:
        item = item[part]
    item[path[-1]] = value
    assert start(staging, made) != []


def test_people_are_not_held_to_the_listeners_shapes(staging: Declared) -> None:
    made = {"metadata": {"name": "by-hand"}, "spec": {"pipelineRef": {"name": "other"}}}
    assert refusals(staging, "tekton-delivery-staging-runs", made, user="somebody") == []


def deployment(stack: Declared) -> Object:
    """The Deployment as the API server hands it over."""
    made = copy.deepcopy(stack.one("Deployment"))
    made["metadata"] |= {"resourceVersion": "1", "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "1"}}
    return made


def deploy(stack: Declared, new: Object, old: Object | None = None) -> list[str]:
    name = stack.recording.stack
    policy = f"tekton-delivery-{name}-deploys"
    return refusals(stack, policy, new, old=old or deployment(stack), user=DEPLOYERS[name])


def test_a_deployer_changes_image_and_annotations(single: Declared) -> None:
    new = deployment(single)
    new["metadata"] |= {"resourceVersion": "2", "generation": 2}
    new["metadata"]["annotations"]["tekton-delivery/commit"] = SHA
    new["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    assert deploy(single, new) == []


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.replace("chespirito", "other"),
        IMAGE.replace("registry.internal", "registry.example"),
        IMAGE.split("@")[0] + ":main",
        IMAGE[:-1],
        IMAGE + "\n",
        "x@" + IMAGE,
        "",
    ],
)
def test_a_deployer_runs_nothing_but_the_applications_digests(single: Declared, image: str) -> None:
    new = deployment(single)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert deploy(single, new) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replicas"), 0),
        (("spec", "template", "spec", "serviceAccountName"), "default"),
        (("spec", "template", "spec", "containers", 0, "env"), []),
        (("spec", "template", "spec", "containers", 0, "command"), ["sh"]),
        (("spec", "template", "spec", "hostNetwork"), True),
        (("spec", "template", "metadata", "annotations"), {"a": "b"}),
        (("metadata", "labels", "a"), "b"),
        (("metadata", "annotations", "a"), "b"),
        (("metadata", "annotations"), {}),
        (("metadata", "ownerReferences"), [{}]),
    ],
    ids=lambda value: ".".join(str(part) for part in value) if isinstance(value, tuple) else "",
)
def test_a_deployer_changes_nothing_else(single: Declared, path: tuple[Any, ...], value: Any) -> None:
    new = deployment(single)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    item: Any = new
    for part in path[:-1]:
        item = item[part]
    item[path[-1]] = value
    assert len(deploy(single, new)) == 1


HELD = '{"by":"ana","reason":"by hand","since":"2026-11-22T12:00:00Z"}'
HELD_FOR = '{"by":"ana","reason":"by hand","since":"2026-11-22T12:00:00Z","pullRequest":"7"}'


def with_hold(stack: Declared, hold: str | None, image: str | None = None) -> Object:
    made = deployment(stack)
    made["metadata"]["annotations"] |= {"tekton-delivery/hold": hold} if hold else {}
    made["spec"]["template"]["spec"]["containers"][0] |= {"image": image} if image else {}
    return made


@pytest.mark.parametrize(("old", "new"), [(None, HELD), (HELD, None), (HELD, HELD_FOR), (HELD_FOR, HELD)])
def test_a_deployer_neither_sets_nor_lifts_a_hold(single: Declared, old: str | None, new: str | None) -> None:
    refused = deploy(single, with_hold(single, new, IMAGE), with_hold(single, old, IMAGE))
    assert refused == ["the deployer neither sets nor lifts a hold"]


def test_a_deployer_leaves_a_held_image_alone(single: Declared) -> None:
    noted = with_hold(single, HELD, IMAGE)
    noted["metadata"]["annotations"]["tekton-delivery/before"] = "[]"
    assert deploy(single, noted, with_hold(single, HELD, IMAGE)) == []
    other = IMAGE.replace("a" * 64, "b" * 64)
    (refused,) = deploy(single, with_hold(single, HELD, other), with_hold(single, HELD, IMAGE))
    assert "held Deployment" in refused
    assert deploy(single, with_hold(single, HELD_FOR, other), with_hold(single, HELD_FOR, IMAGE)) == [], "for its own update"


def test_a_deployer_adds_no_container(single: Declared) -> None:
    new = deployment(single)
    containers = new["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = IMAGE
    containers.append(containers[0] | {"name": "more"})
    assert deploy(single, new) != []


def test_a_supervisor_cancels_and_does_nothing_else(staging: Declared) -> None:
    old = run(staging)
    for change, admitted in (
        ({"status": "CancelledRunFinally"}, True),
        ({"status": "Cancelled"}, False),
        ({}, False),
        ({"status": "CancelledRunFinally", "params": []}, False),
    ):
        new = old | {"spec": old["spec"] | change}
        found = refusals(staging, "tekton-delivery-staging-cancellations", new, old=old, user=SUPERVISOR)
        assert (found == []) is admitted, change


def test_a_lease_changes_hands_and_nothing_else(single: Declared) -> None:
    policy, user = f"tekton-delivery-{single.recording.stack}-leases", DEPLOYERS[single.recording.stack]
    old = {"metadata": {"name": "chespirito-pod", "labels": {"a": "b"}}, "spec": {}}
    assert refusals(single, policy, old | {"spec": {"holderIdentity": "x"}}, old=old, user=user) == []
    assert refusals(single, policy, old | {"metadata": {"name": "chespirito-pod"}}, old=old, user=user) != []


def test_the_image_step_is_held_to_what_its_task_declares(staging: Declared) -> None:
    (step,) = (item for item in staging.one("Task", "build")["spec"]["steps"] if item["name"] == "image")
    pod: Object = {
        "spec": {
            "serviceAccountName": "untrusted",
            "hostUsers": False,
            "automountServiceAccountToken": False,
            "containers": [{"name": "step-image", "securityContext": step["securityContext"]}],
        }
    }
    policy = "tekton-delivery-staging-pods"
    assert refusals(staging, policy, pod) == []
    assert refusals(staging, policy, {"spec": pod["spec"] | {"serviceAccountName": "deployer"}}) != []
    assert refusals(staging, policy, {"spec": pod["spec"] | {"hostUsers": True}}) != []
    assert refusals(staging, policy, {"spec": pod["spec"] | {"containers": [{"name": "step-image"}]}}) != []


def test_an_untrusted_pod_mounts_what_its_task_declares_and_no_token(stacks: dict[str, Declared]) -> None:
    """The stack with every setting builds on a volume that is provisioned for the run."""
    everything = stacks["everything"]
    (task,) = (item["spec"] for item in everything.all("Task") if item["metadata"]["name"] == "build-chespirito")
    (step,) = (item for item in task["steps"] if item["name"] == "image")
    containers = [{"name": "step-image", "securityContext": step["securityContext"]}]
    pod: Object = {
        "serviceAccountName": "untrusted",
        "hostUsers": False,
        "automountServiceAccountToken": False,
        "containers": containers,
        "volumes": [volume for volume in task["volumes"] if "secret" not in volume],
    }
    policy = "tekton-delivery-test-pods"
    assert [volume for volume in pod["volumes"] if "ephemeral" in volume]
    assert refusals(everything, policy, {"spec": pod}) == []
    token = {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    assert refusals(everything, policy, {"spec": pod | {"volumes": [token]}}) != []


def beside(name: str = "sidecar-db", **changed: Any) -> Object:
    """A pod with pull-request code and a service, as the Task with services declares it."""
    task = with_services().one("Task", "build-chespirito")["spec"]
    (step,) = (item for item in task["steps"] if item["name"] == "test")
    (service,) = (item for item in task["sidecars"] if item["name"] == "db")
    test = {"name": "step-test", "image": "any"} | {key: step[key] for key in ("securityContext", "volumeMounts")}
    made = {key: service[key] for key in ("image", "securityContext", "volumeMounts")} | {"name": name} | changed
    return {
        "spec": {
            "serviceAccountName": "untrusted",
            "hostUsers": False,
            "automountServiceAccountToken": False,
            "containers": [test, made],
            "volumes": task["volumes"],
        }
    }


def judged(pod: Object, stack: Declared | None = None) -> list[str]:
    return refusals(stack or with_services(), "tekton-delivery-staging-pods", pod)


def test_services_run_beside_pull_request_code() -> None:
    assert judged(beside()) == []
    native = beside()
    native["spec"]["initContainers"] = [native["spec"]["containers"].pop() | {"restartPolicy": "Always"}]
    assert judged(native) == []


DECLARED_IMAGES = "services beside pull-request code run the images that the stack declares for them"
NOTHING_SHARED = "services beside pull-request code share no volume with another container"
NO_SECRETS = "pods with pull-request code get no Secret but quarantine-push in step-image and ssh-directory in step-fetch"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": SERVICE_IMAGE.replace("5", "6")}, DECLARED_IMAGES),
        ({"volumeMounts": [{"name": "source", "mountPath": "/source", "readOnly": True}]}, NOTHING_SHARED),
        ({"volumeMounts": [{"name": "quarantine-push", "mountPath": "/push"}]}, NO_SECRETS),
        ({"envFrom": [{"secretRef": {"name": "quarantine-push"}}]}, NO_SECRETS),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "b", "key": "c"}}}]}, NO_SECRETS),
    ],
    ids=["another image", "the source", "a credential", "a secret", "a secret's key"],
)
def test_a_service_gets_what_the_stack_declares_and_nothing_of_its_pod(changed: Object, message: str) -> None:
    assert judged(beside(**changed)) == [message]


def test_a_service_is_held_to_pod_security_restricted() -> None:
    (service,) = (item for item in beside()["spec"]["containers"] if item["name"] == "sidecar-db")
    for change in ({"runAsUser": 0}, {"allowPrivilegeEscalation": True}, {"capabilities": {}}, {"seccompProfile": {}}):
        assert len(judged(beside(securityContext=service["securityContext"] | change))) == 1, change


def test_where_no_services_are_declared_none_runs(staging: Declared) -> None:
    assert judged(beside(), staging) == [DECLARED_IMAGES]
    assert judged(beside("sidecar-tekton-log-results"), staging) == [], "Tekton's own, where results are read from logs"
    trusted = beside()
    trusted["spec"]["serviceAccountName"] = "deployer"
    assert judged(trusted, staging) == [], "it is about pods with pull-request code"


@pytest.mark.parametrize("name", STACKS)
def test_the_pruner_deletes_only_what_has_ended(stacks: dict[str, Declared], name: str) -> None:
    policy, user = f"tekton-delivery-{name}-prunings", f"system:serviceaccount:{name}-ci:pruner"
    statuses: list[tuple[Object, bool]] = [
        ({"status": {"completionTime": "2026-11-22T17:20:01Z"}}, True),
        ({"status": {"startTime": "2026-11-22T17:20:01Z"}}, False),
        ({}, False),
    ]
    for status, admitted in statuses:
        old = {"metadata": {"name": "run"}, "spec": {}} | status
        assert (refusals(stacks[name], policy, {}, old=old, user=user) == []) is admitted, status
