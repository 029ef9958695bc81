"""What takes the listener its work is told as wrong, however well it did a moment ago."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from components.conventions import Manifest
from offline.needs.values import Needs
from operate.doctor import listening, objects, webhook
from operate.doctor.api import Api, group_path
from operate.doctor.http import Http
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import FakeCluster, serving
from tests.operate.doctor.test_rights import plural
from tests.operate.doctor.test_rights import serving as serving_kinds
from tests.operate.doctor.test_tekton import LEADS, SERVICE, good
from tests.operate.doctor.test_webhook import LISTENER, RUNS, hook

On = Callable[[FakeCluster], AbstractContextManager[Api]]
ACCOUNT = "the account staging-ci/listener may read its triggers and start runs"
PARTS = "what the listener chespirito-github-el and its runs are made of is there"
STARTED = "signed webhooks start runs"
MEND = "`python -m operate drift staging` names each, `pulumi up --refresh --stack staging` makes them anew"


def path(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    within = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{group_path(manifest['apiVersion'])}{within}/{plural(manifest['kind'])}/{metadata['name']}"


def brought_up(needs: Needs) -> FakeCluster:
    """A cluster with all that a stack declares, on which a webhook started a run long ago."""
    made = serving_kinds(needs)
    made.objects |= good().objects
    made.objects |= {path(each): {"metadata": each["metadata"]} for each in needs.objects}
    labels = {"triggers.tekton.dev/eventlistener": "chespirito-github-el", "triggers.tekton.dev/triggers-eventid": "x"}
    run = {"metadata": {"name": "old", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": labels}}
    made.objects |= {LISTENER: {"status": {"availableReplicas": 1}}, RUNS: {"items": [run]}}
    return made


def without(made: FakeCluster, needs: Needs, *kinds: str) -> FakeCluster:
    for each in needs.of_kind(*kinds):
        del made.objects[path(each)]
    return made


def asked(on: On, needs: Needs, made: FakeCluster, hooks: Any = None) -> list[Row]:
    """Ask of the webhook, where the forge has one that is as needed, or these."""

    def handler(asked: Any) -> tuple[int, Any]:
        if asked.where.endswith("/hooks"):
            return 200, [hook(served.url)] if hooks is None else hooks(served.url)
        return 200, []

    with serving(handler) as served, on(made) as api:
        forge = replace(needs.forge, api_url=served.url, token="t")
        listener = replace(needs.listener, address=served.url, exposed=True)
        return list(webhook.rows(replace(needs, forge=forge, listener=listener), api, Http()))


def test_a_listener_that_works_is_fine_and_its_last_run_has_an_age(on: On, staging: Needs) -> None:
    rows = asked(on, staging, brought_up(staging))
    assert {row.state for row in rows} == {"fine"}, rows
    assert (rows[-1].what, rows[-1].said.startswith("the last one started old at 2026-01-01T00:00:00Z, ")) == (STARTED, True)
    assert rows[-1].said.endswith(" ago")


@pytest.mark.parametrize("kind", ["Pipeline", "Trigger", "TriggerTemplate", "EventListener", "Task", "ServiceAccount"])
def test_no_run_of_old_hides_what_is_missing_now(on: On, staging: Needs, kind: str) -> None:
    rows = asked(on, staging, without(brought_up(staging), staging, kind))
    parts, last = [row for row in rows if row.state != "fine"]
    assert (parts.state, parts.what, parts.mend) == ("wrong", PARTS, MEND)
    assert f"({len(staging.of_kind(kind))} {kind})" in parts.said
    assert (last.state, last.what, last.mend) == ("wrong", STARTED, MEND)
    assert last.said.startswith(f"none can now ({PARTS}: ")
    assert "the last one started old at 2026-01-01T00:00:00Z" in last.said


def test_rights_that_were_taken_away_are_told(on: On, staging: Needs) -> None:
    made = brought_up(staging)
    made.denied = lambda asked: asked["resource"] == "pipelineruns"
    account, last = [row for row in asked(on, staging, made) if row.state != "fine"]
    assert (account.state, account.what) == ("wrong", ACCOUNT)
    assert account.said == "it may not create pipelineruns.tekton.dev in staging-ci"
    assert (last.state, "none can now" in last.said) == ("wrong", True)


def test_rights_are_asked_of_the_listener_s_account_and_not_of_who_asks(on: On, staging: Needs) -> None:
    made = brought_up(staging)
    specs: list[Any] = []

    def noted(asked: Any) -> Any:
        if asked.where.endswith("subjectaccessreviews"):
            specs.append((asked.where.rpartition("/")[2], asked.body["spec"].get("user")))
        return made(asked)

    with on(noted) as api:  # type: ignore[arg-type]
        assert listening.may(staging, api).state == "fine"
    assert set(specs) == {("subjectaccessreviews", "system:serviceaccount:staging-ci:listener")}
    assert len(specs) > 5


@pytest.mark.parametrize(("kinds", "state"), [((), "unknown"), (("RoleBinding",), "wrong"), (("Role",), "wrong")])
def test_who_may_not_ask_for_rights_of_others_looks_for_the_bindings(
    on: On, staging: Needs, kinds: tuple[str, ...], state: str
) -> None:
    made = without(brought_up(staging), staging, *kinds)
    made.refused["/apis/authorization.k8s.io/v1/subjectaccessreviews"] = 403
    with on(made) as api:
        row = listening.may(staging, api)
    assert row.state == state
    assert all(kind in row.said for kind in kinds)


def test_interceptors_that_nothing_leads_to_keep_runs_from_starting(on: On, staging: Needs) -> None:
    made = brought_up(staging)
    del made.objects[SERVICE]
    service, last = [row for row in asked(on, staging, made) if row.state != "fine"]
    assert (service.state, service.what) == ("wrong", LEADS)
    assert (last.state, last.said.startswith(f"none can now ({LEADS}")) == ("wrong", True)


def test_a_webhook_that_is_off_makes_the_last_run_no_proof(on: On, staging: Needs) -> None:
    off, last = [
        row for row in asked(on, staging, brought_up(staging), lambda url: [hook(url, active=False)]) if row.state != "fine"
    ]
    assert (off.state, off.said) == ("wrong", "it is switched off")
    assert (last.state, last.what, last.said.endswith("it is switched off")) == ("unknown", STARTED, True)


def test_before_the_stack_is_up_nothing_is_wrong_with_its_listener(on: On, staging: Needs) -> None:
    with on(serving_kinds(staging)) as api:
        (row,) = listening.rows(staging, api)
    assert (row.state, row.mend) == ("unknown", "pulumi up --stack staging")


# --- all that the stack declares ---


def declared(on: On, needs: Needs, made: FakeCluster) -> Row:
    with on(made) as api:
        (row,) = objects.rows(needs, api)
    return row


def test_a_stack_that_is_there_is_fine(on: On, staging: Needs) -> None:
    row = declared(on, staging, brought_up(staging))
    assert (row.state, row.said.startswith(f"all {len(staging.objects)} objects")) == ("fine", True)


@pytest.mark.parametrize(
    "kind", ["RoleBinding", "NetworkPolicy", "ValidatingAdmissionPolicyBinding", "Pipeline", "CronJob", "ClusterRole"]
)
def test_what_is_missing_is_counted_and_the_first_are_named(on: On, staging: Needs, kind: str) -> None:
    gone = staging.of_kind(kind)
    row = declared(on, staging, without(brought_up(staging), staging, kind))
    assert (row.state, row.mend) == ("wrong", MEND)
    assert row.said.startswith(f"{len(gone)} of {len(staging.objects)} are missing ({len(gone)} {kind}): {kind} ")
    assert row.said.endswith(f"and {len(gone) - 3} more") == (len(gone) > 3)
    assert gone[0]["metadata"]["name"] in row.said


def test_a_kind_that_the_cluster_does_not_know_is_missing(on: On, staging: Needs) -> None:
    made = brought_up(staging)
    del made.objects["/apis/tekton.dev/v1"]
    row = declared(on, staging, made)
    assert (row.state, f"{len(staging.of_kind('Pipeline'))} Pipeline" in row.said) == ("wrong", True)


def test_what_may_not_be_looked_at_is_unknown_and_what_is_not_there_yet_too(on: On, staging: Needs) -> None:
    made = brought_up(staging)
    made.refused[path(staging.of_kind("Pipeline")[0])] = 403
    row = declared(on, staging, made)
    assert (row.state, row.said.startswith(f"1 of {len(staging.objects)} may not be looked at: GET ")) == ("unknown", True)
    row = declared(on, staging, serving_kinds(staging))
    assert (row.state, row.mend) == ("unknown", "pulumi up --stack staging")
