"""No way leads from a pull request to production: what triggers reach, and proof that each way would be noticed."""

import copy
import json
from functools import cache
from pathlib import Path

import pytest

from offline.reachability.listeners import listener_accounts
from offline.reachability.objects import Objects
from offline.reachability.pods import DELIVERED, UNTRUSTED
from offline.reachability.rights import rights
from offline.reachability.rows import Row, rows
from offline.reachability.things import EVERY, Account
from offline.run import Recording
from tests.reachability_changes import (
    ALONE,
    ONE_STACK,
    WORLDS,
    Change,
    find,
    grant,
    rule,
)
from tests.reachability_stolen import STOLEN
from tests.reachability_ways_out import WAYS_OUT
from tests.sink import HEADERS, PUSH, deliver
from tests.support import STACKS, Declared, Object, both_environments, shipped_config, source, with_services
from tests.test_before_rollout import with_migrations

FIXTURES = Path(__file__).parent / "fixtures" / "gitea"
EVENTS = [
    (json.loads(path.read_text()), header)
    for folder, header in ((FIXTURES, HEADERS), (FIXTURES / "pushes", PUSH))
    for path in sorted(folder.glob("*.json"))
]


def declared(world: str, stacks: dict[str, Declared]) -> list[Object]:
    """A world's objects, to change at will."""
    if world == ONE_STACK:
        return copy.deepcopy(both_environments().objects)
    names = ["staging"] if world == ALONE else STACKS
    return [item for name in names for item in copy.deepcopy(stacks[name].objects)]


@cache
def staging_namespaces() -> set[str]:
    """Where pull requests may reach: the namespaces of environments that deliver them."""
    names = {item["name"] for item in shipped_config("staging")["environments"] if item["deliverOn"] == "pull-request"}
    return names | {f"{name}-ci" for name in names}


def merges(event: Object) -> bool:
    """Whether it takes the right to write to the base branch."""
    if "ref" in event:
        return event["ref"] == "refs/heads/main"
    return event["action"] == "closed" and event["pull_request"]["merged"]


def only_by_merges(objects: list[Object], trigger: Object) -> bool:
    """Whether a merge or a push to the base branch fires a trigger and no other event does, by its filters as they stand."""
    (listener,) = (
        item
        for item in objects
        if item["kind"] == "EventListener" and item["metadata"]["namespace"] == trigger["metadata"]["namespace"]
    )
    return fired_only_by_merges(json.dumps(listener), json.dumps(trigger))


@cache
def fired_only_by_merges(listener: str, trigger: str) -> bool:
    alone, route = Declared(Recording("alone")), json.loads(trigger)
    # What the run is made of does not matter.
    namespace, template = route["metadata"]["namespace"], {"params": [], "resourcetemplates": ["a run"]}
    route["spec"] |= {"bindings": [], "template": {"ref": "any"}}
    metadata = {"name": "any", "namespace": namespace}
    alone.objects = [json.loads(listener), route, {"kind": "TriggerTemplate", "metadata": metadata, "spec": template}]
    fired = [event for event, header in EVENTS if deliver(alone, event, header=header)]
    return bool(fired) and all(merges(event) for event in fired)


def pull_request_rows(objects: list[Object]) -> list[Row]:
    """What triggers reach that something else than a merge can fire."""
    merging = {
        f"trigger {item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in objects
        if item["kind"] == "Trigger" and only_by_merges(objects, item)
    }
    return [row for row in rows(objects) if row.cause.startswith("trigger ") and row.cause not in merging]


def ways_out(objects: list[Object]) -> list[Row]:
    """What a pull request reaches outside of staging; a row without a namespace is about the whole cluster."""
    return [row for row in pull_request_rows(objects) if row.namespace not in staging_namespaces()]


def stolen(objects: list[Object]) -> set[str]:
    """What code of a pull request holds, in its own pods and as an application."""
    return {row.reaches for row in pull_request_rows(objects) if row.runs in (UNTRUSTED, DELIVERED)}


# --- what holds ---


def test_a_comment_reaches_no_registry_and_no_key_that_signs(stacks: dict[str, Declared]) -> None:
    found = [row for row in rows(stacks["staging"].objects) if row.cause == "trigger staging-ci/ok-to-test-trigger"]
    secrets = {row.reaches for row in found if row.reaches.startswith("secret ")}
    assert secrets == {f"secret staging-ci/{name}" for name in ("forge-reader", "forge-token", "log-masks", "ssh-directory")}
    assert {row.reaches for row in found if row.runs == UNTRUSTED} == {"nothing"}


@pytest.mark.parametrize("world", WORLDS)
def test_no_way_leads_from_a_pull_request_to_production(world: str, stacks: dict[str, Declared]) -> None:
    objects = declared(world, stacks)
    assert {row.cause for row in pull_request_rows(objects)} >= {"trigger staging-ci/pr-trigger"}
    assert ways_out(objects) == []


def test_no_way_leads_from_a_pull_request_to_live_in_the_stack_that_holds_both(stacks: dict[str, Declared]) -> None:
    found = pull_request_rows(stacks["both"].objects)
    assert {row.cause for row in found} == {"trigger qa-ci/pr-rejected-trigger", "trigger qa-ci/pr-trigger"}
    assert {row.namespace for row in found} == {"qa", "qa-ci"}


def test_a_merge_reaches_production() -> None:
    """A control: the search finds production where there is a way to it."""
    found = {row.cause: row.namespace for row in rows(both_environments().objects) if row.namespace == "production"}
    assert [cause for cause in found if cause.startswith("trigger ")] == ["trigger staging-ci/push-main-trigger"]


def test_production_starts_nothing_for_a_pull_request(production: Declared) -> None:
    assert pull_request_rows(production.objects) == []
    assert rows(production.objects)


@pytest.mark.parametrize("world", WORLDS)
def test_pull_request_code_holds_the_key_to_quarantine_and_nothing_else(world: str, stacks: dict[str, Declared]) -> None:
    assert stolen(declared(world, stacks)) == {"secret staging-ci/quarantine-push", "nothing"}


def test_what_runs_before_a_rollout_is_what_was_delivered() -> None:
    objects = copy.deepcopy(with_migrations("staging").objects)
    (template,) = [item for item in objects if item["kind"] == "PodTemplate"]
    template["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "settings"}}]
    found = [row for row in rows(objects) if row.pod.endswith(f"(PodTemplate staging/{template['metadata']['name']})")]
    assert {row.cause for row in found} >= {"trigger staging-ci/pr-trigger"}
    assert {row.reaches for row in found if row.runs == DELIVERED} == {"secret staging/settings"}


def test_services_hold_nothing_and_count_as_pull_request_code() -> None:
    found = rows(with_services().objects)
    of_services = {(row.runs, row.reaches) for row in found if row.container in ("db", "cache", "idle")}
    assert of_services == {(UNTRUSTED, "nothing")}
    held = {row.reaches for row in found if row.runs == UNTRUSTED}
    assert held == {"secret staging-ci/quarantine-push", "nothing"}


def test_a_secret_that_a_service_got_would_be_noticed() -> None:
    objects = copy.deepcopy(with_services().objects)
    (service, *_) = find(objects, "Task", "build-chespirito", "staging-ci")["spec"]["sidecars"]
    service["envFrom"] = [{"secretRef": {"name": "registry-push"}}]
    assert "secret staging-ci/registry-push" in {row.reaches for row in rows(objects) if row.container == "db"}


@pytest.mark.parametrize("world", WORLDS)
def test_nobody_may_start_pods_of_any_shape(world: str, stacks: dict[str, Declared]) -> None:
    """Whoever may write workloads, listeners included, is held to declared shapes by an admission policy in force."""
    assert [row for row in rows(declared(world, stacks)) if row.reaches.startswith("any pod in ")] == []


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
@pytest.mark.parametrize("world", WORLDS)
def test_without_the_policies_deployers_and_listeners_may(world: str, kind: str, stacks: dict[str, Declared]) -> None:
    objects = [item for item in declared(world, stacks) if item["kind"] != kind]
    gained = {
        "any pod in staging-ci",
        "every secret of staging-ci",
        "service account staging-ci/deployer",
        "any pod in staging",
    }
    assert {row.reaches for row in rows(objects)} >= gained


def test_what_pull_requests_contain_runs_in_marked_steps(staging: Declared) -> None:
    """The mark is what the search believes, so it is held against the scripts that run such code."""
    marked = {row.container for row in rows(staging.objects) if row.runs == UNTRUSTED}
    running = {
        step["name"]
        for task in staging.all("Task")
        for step in task["spec"]["steps"]
        if "$PARAM_TEST_COMMAND" in source(step) or "buildctl" in source(step)
    }
    assert running == {"test", "image"} == marked


@pytest.mark.parametrize("world", WORLDS)
def test_only_listeners_mount_a_token_by_default(world: str, stacks: dict[str, Declared]) -> None:
    """Triggers gives no way to mount it otherwise, and its sink needs it; the next test has all that it is good for."""
    objects = declared(world, stacks)
    mounted = {
        Account(item["metadata"]["namespace"], item["metadata"]["name"])
        for item in objects
        if item["kind"] == "ServiceAccount" and item.get("automountServiceAccountToken") is not False
    }
    assert mounted == listener_accounts(Objects(objects))


@pytest.mark.parametrize("name", STACKS)
def test_the_listener_reads_trigger_objects_and_creates_runs(name: str, stacks: dict[str, Declared]) -> None:
    held = rights(Account(f"{name}-ci", "listener"), Objects(stacks[name].objects))
    creating = [right for right in held if "create" in right.verbs]
    assert [(right.verbs, right.resources, right.namespace) for right in creating] == [
        (("create",), ("pipelineruns",), f"{name}-ci")
    ]
    for right in set(held) - set(creating):
        assert set(right.verbs) <= {"get", "list", "watch"}
        assert right.groups == ("triggers.tekton.dev",)


def excessive(objects: list[Object]) -> list[str]:
    """The rights that nobody may have: wildcards, becoming others, secrets."""
    known = Objects(objects)
    accounts = [Account(item["metadata"]["namespace"], item["metadata"]["name"]) for item in known.all("ServiceAccount")]
    return [
        str(right)
        for account in accounts
        for right in rights(account, known)
        if EVERY in (*right.verbs, *right.resources, *right.groups)
        or {"impersonate", "escalate", "bind"} & set(right.verbs)
        or "secrets" in right.resources
    ]


@pytest.mark.parametrize("world", WORLDS)
def test_nobody_has_rights_without_bounds(world: str, stacks: dict[str, Declared]) -> None:
    objects = declared(world, stacks)
    assert excessive(objects) == []
    assert "EVERYTHING in the cluster" not in {row.reaches for row in rows(objects)}


# --- every way would be noticed ---


def in_worlds(changes: dict[str, tuple[tuple[str, ...], Change]]) -> list[object]:
    return [
        pytest.param(world, change, id=f"{name}: {world}") for name, (worlds, change) in changes.items() for world in worlds
    ]


@pytest.mark.parametrize(("world", "change"), in_worlds(WAYS_OUT))
def test_a_way_to_production_would_be_found(world: str, change: Change, stacks: dict[str, Declared]) -> None:
    objects = declared(world, stacks)
    change(objects)
    assert ways_out(objects) != []


@pytest.mark.parametrize(("world", "change"), in_worlds(STOLEN))
def test_a_credential_in_reach_of_pull_request_code_would_be_found(
    world: str, change: Change, stacks: dict[str, Declared]
) -> None:
    objects = declared(world, stacks)
    before = stolen(objects)
    change(objects)
    assert stolen(objects) - before


@pytest.mark.parametrize(
    "bad",
    [
        rule("*", resource="leases"),
        rule("get", resource="*"),
        rule("get", resource="leases", group="*"),
        rule("impersonate", resource="users"),
        rule("bind", resource="roles"),
        rule("escalate", resource="roles"),
        rule("watch", resource="secrets"),
    ],
    ids=lambda bad: f"{bad['verbs'][0]} {bad['resources'][0]}",
)
@pytest.mark.parametrize("namespace", ["staging-ci", None], ids=["namespace", "cluster"])
def test_a_right_without_bounds_would_be_found(bad: Object, namespace: str | None, staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    grant("staging-ci/listener", namespace, bad)(objects)
    assert excessive(objects) != []


def test_another_account_with_a_token_by_default_would_be_found(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    del find(objects, "ServiceAccount", "reporter")["automountServiceAccountToken"]
    found = {row.pod for row in rows(objects) if row.through[:1] == ("token mounted by default in every container",)}
    assert any(pod.startswith("report ") for pod in found)
