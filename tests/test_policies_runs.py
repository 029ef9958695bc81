"""Admission policies on runs: listeners start what templates declare, supervisors cancel, pruners delete what has ended."""

from typing import Any

import pytest

from local.forge.replay import rewrite
from steps import notes, pulls
from tests.admission import refusals
from tests.sink import deliver
from tests.support import STACKS, Declared, Object, both_environments
from tests.test_routing import SHA, payload

LISTENERS = {name: f"system:serviceaccount:{name}-ci:listener" for name in STACKS}
SUPERVISOR = "system:serviceaccount:staging-ci:supervisor"


def test_the_listener_starts_nothing_before_it_is_held_to_its_shapes(stack: Declared) -> None:
    policies = {resource.urn for resource in stack.resources if "Policies$" in resource.urn}
    listener = stack.resource("EventListener", *stack.names("EventListener"))
    assert policies <= set(listener.dependencies)


def test_nobody_gets_rights_before_the_policies_that_hold_them(stack: Declared) -> None:
    policies = [resource for resource in stack.resources if "Policies$" in resource.urn]
    components = [resource.name for resource in stack.resources if resource.type == "tekton-delivery:index:Policies"]
    environments = [name.removesuffix("-policies") for name in components]
    given = [
        resource
        for resource in stack.resources
        if resource.type.endswith((":Role", ":RoleBinding"))
        and any(f":{component}$" in resource.urn for component in ("Access", "Pruning", "ListenerAccess"))
    ]
    assert len(given) > 4 * len(environments)
    for right in given:
        environment = next(
            (name for name in environments if right.name.startswith((f"{name}-access", f"{name}-pruning"))), ""
        )
        held = {
            policy.urn for policy in policies if policy.name.startswith(f"{environment}-policies" if environment else "")
        }
        assert held, right.urn
        assert held <= set(right.dependencies), right.urn


def run(stack: Declared, event: str = "opened") -> Object:
    """The run that a webhook starts."""
    body = rewrite(payload("github", event), repository="acme/chespirito", head_sha=SHA, merge_sha=SHA, number=7)
    (made,) = deliver(stack, body)
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
        (("spec", "timeouts", "finally"), "0s"),
        (("spec", "timeouts", "pipeline"), "0s"),
        (("spec", "timeouts", "pipeline"), "9000h0m0s"),
        (("spec", "timeouts"), {"pipeline": "1h0m0s"}),
        (("spec", "timeouts"), {}),
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


def test_a_supervisor_notes_by_what_a_run_was_overtaken_and_nothing_else(staging: Declared) -> None:
    """What a step tells of it (steps/pulls.py)."""
    old = run(staging)
    old["metadata"]["annotations"] = {"mine": "stays"}
    words = (pulls.CLOSED, pulls.REOPENED, pulls.MOVED, "f" * 40)
    for annotations, admitted in (
        *(({"mine": "stays", notes.SUPERSEDED_BY: word}, True) for word in words),
        ({notes.SUPERSEDED_BY: "closed"}, False),
        ({"mine": "changed"}, False),
        ({"mine": "stays", "more": "closed"}, False),
        ({"mine": "stays", notes.SUPERSEDED_BY: "f" * 39}, False),
        ({"mine": "stays", notes.SUPERSEDED_BY: "closed\n"}, False),
        ({"mine": "stays", notes.SUPERSEDED_BY: "text of a thief"}, False),
    ):
        new = old | {"metadata": old["metadata"] | {"annotations": annotations}}
        new["spec"] = old["spec"] | {"status": "CancelledRunFinally"}
        found = refusals(staging, "tekton-delivery-staging-cancellations", new, old=old, user=SUPERVISOR)
        assert (found == []) is admitted, annotations


@pytest.mark.parametrize("name", STACKS)
def test_whoever_cancels_a_run_lets_it_tell_its_pull_request(stacks: dict[str, Declared], name: str) -> None:
    for before, after, admitted in (
        (None, "CancelledRunFinally", True),
        (None, "StoppedRunFinally", True),
        (None, None, True),
        ("Cancelled", "Cancelled", True),
        ("Cancelled", None, True),
        (None, "Cancelled", False),
        ("CancelledRunFinally", "Cancelled", False),
    ):
        old, new = ({"metadata": {}, "spec": {"status": status} if status else {}} for status in (before, after))
        found = refusals(stacks[name], f"tekton-delivery-{name}-endings", new, old=old, user="somebody")
        assert (found == []) is admitted, (before, after)


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
