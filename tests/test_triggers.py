"""The listener: nothing passes unsigned, and what passes is described in words.

Which payload starts what is in test_routing.py; this is about the listener as an object of the cluster.
"""

import dataclasses

import pytest

from components.conventions import WEBHOOK_SECRET
from components.listener.events import Trigger
from components.listener.listener import Listener, ListenerArgs
from components.listener.webhook_secret import accepted_secrets
from components.settings.listener import WebhookSecret
from tests.support import Declared, Object, declare


def listener(rotation: WebhookSecret = WebhookSecret()) -> Declared:  # noqa: B008
    args = ListenerArgs(
        rotation=rotation,
        name="github-el",
        environment="staging",
        namespace="staging-ci",
        service_account="listener",
        forge="github",
        applications={"acme/shop": ["shop"]},
        base_branches={"acme/shop": "main"},
        triggers=(Trigger(environment="staging", event="pull-request", namespace="staging-ci", run={}, timeouts={}),),
    )
    return declare(lambda: Listener("listener", args))


def interceptors(stack: Declared) -> list[Object]:
    groups = stack.one("EventListener")["spec"]["triggerGroups"]
    chains = [group["interceptors"] for group in groups] + [item["spec"]["interceptors"] for item in stack.all("Trigger")]
    return [interceptor for chain in chains for interceptor in chain]


def params(interceptor: Object) -> Object:
    return {param["name"]: param["value"] for param in interceptor["params"]}


def test_the_signature_is_checked_before_anything_else_is_read(stack: Declared) -> None:
    for group in stack.one("EventListener")["spec"]["triggerGroups"]:
        first = group["interceptors"][0]
        assert first["ref"] == {"name": "github", "kind": "ClusterInterceptor"}
        assert params(first)["secretRef"] == {"secretName": WEBHOOK_SECRET, "secretKey": "secret"}


def test_no_trigger_goes_round_the_signature(stack: Declared) -> None:
    """Triggers beside the groups, or groups chosen by namespace, would have interceptors of their own only."""
    listener = stack.one("EventListener")
    assert not {"triggers", "namespaceSelector", "labelSelector"} & listener["spec"].keys()
    assert listener["spec"]["triggerGroups"]


def test_the_secret_of_the_signature_is_where_the_listener_is(stack: Declared) -> None:
    namespace = stack.one("EventListener")["metadata"]["namespace"]
    assert stack.one("Secret", WEBHOOK_SECRET, namespace)["stringData"].keys() == {"secret"}


def test_there_is_no_listener_without_a_secret_that_nobody_chose() -> None:
    declared = listener()
    (password,) = declared.recording.of_type("random:index/randomPassword:RandomPassword")
    assert password.inputs["length"] >= 32
    secret = declared.resource("Secret", WEBHOOK_SECRET)
    assert password.urn in secret.dependencies


ROTATIONS = [
    WebhookSecret(generation=generation, accept_previous=previous) for generation in (1, 2, 7) for previous in (False, True)
]


@pytest.mark.parametrize("rotation", ROTATIONS, ids=str)
def test_in_every_state_of_a_rotation_each_way_in_checks_a_random_secret(rotation: WebhookSecret) -> None:
    declared = listener(rotation)
    groups = declared.one("EventListener")["spec"]["triggerGroups"]
    assert len(groups) == 1 + rotation.accept_previous
    secrets = [params(group["interceptors"][0])["secretRef"]["secretName"] for group in groups]
    assert sorted(secrets) == declared.names("Secret")
    passwords = {password.urn for password in declared.recording.of_type("random:index/randomPassword:RandomPassword")}
    for secret in secrets:
        assert len(passwords & set(declared.resource("Secret", secret).dependencies)) == 1
    assert len(passwords) == len(secrets)


def test_a_secret_keeps_its_name_while_it_counts() -> None:
    """Were it renamed, or its value moved, events that it signs would be refused on the way."""
    before, overlap, after = (
        listener(),
        listener(WebhookSecret(generation=2, accept_previous=True)),
        listener(WebhookSecret(generation=2)),
    )
    assert before.names("Secret") == [WEBHOOK_SECRET]
    assert overlap.names("Secret") == [WEBHOOK_SECRET, f"{WEBHOOK_SECRET}-2"]
    assert after.names("Secret") == [f"{WEBHOOK_SECRET}-2"]
    types = [
        {item.urn for item in declared.recording.of_type("random:index/randomPassword:RandomPassword")}
        for declared in (before, overlap, after)
    ]
    assert types[0] | types[2] == types[1]


def test_there_is_nothing_to_say_about_the_secret_but_which_generations_count() -> None:
    assert {name: field.annotation for name, field in WebhookSecret.model_fields.items()} == {
        "generation": int,
        "accept_previous": bool,
    }
    told = [
        field.name for field in dataclasses.fields(ListenerArgs) if "secret" in field.name or field.type is WebhookSecret
    ]
    assert told == ["rotation"]
    wrong = [WebhookSecret.model_construct(generation=number) for number in (0, -1)]
    assert all(accepted_secrets(rotation) for rotation in [*ROTATIONS, *wrong])


def test_the_listener_waits_for_its_secret_and_its_triggers() -> None:
    """Its pod starts with a full cache then, and no event meets a listener that knows half of its triggers."""
    declared = listener()
    waits_for = set(declared.resource("EventListener", "github-el").dependencies)
    for kind, name in (("Secret", WEBHOOK_SECRET), ("Trigger", "pr-trigger")):
        assert declared.resource(kind, name).urn in waits_for


def test_a_trigger_waits_for_what_it_refers_to() -> None:
    declared = listener()
    waits_for = set(declared.resource("Trigger", "pr-trigger").dependencies)
    for kind in ("TriggerBinding", "TriggerTemplate"):
        (name,) = declared.names(kind)
        assert declared.resource(kind, name).urn in waits_for


def test_every_filter_says_in_words_what_passes(stack: Declared) -> None:
    for interceptor in interceptors(stack):
        assert len(interceptor["name"].split()) >= 2, interceptor["name"]
        assert interceptor["ref"]["kind"] == "ClusterInterceptor", "the sink does not default it"


def test_a_binding_takes_single_values_only(stack: Declared) -> None:
    """A whole object, or an expression, would let more of a payload in than its name says."""
    for binding in stack.all("TriggerBinding"):
        for param in binding["spec"]["params"]:
            assert param["value"].startswith(("$(body.", "$(extensions.")), param
            assert param["value"].endswith(")"), param
            assert param["value"].count("$(") == 1, param


@pytest.mark.parametrize("text", ["title", "body.pull_request.body", "head.ref", "label", "message", "html_url"])
def test_a_binding_takes_no_free_text(stack: Declared, text: str) -> None:
    values = [param["value"] for binding in stack.all("TriggerBinding") for param in binding["spec"]["params"]]
    assert not [value for value in values if text in value]


def test_every_run_is_created_under_a_name_that_the_event_decides(stack: Declared) -> None:
    for template in stack.all("TriggerTemplate"):
        for resource in template["spec"]["resourcetemplates"]:
            assert "generateName" not in resource["metadata"]
            assert resource["metadata"]["name"] == "$(tt.params.run)"


def test_the_names_are_the_ones_that_the_forge_and_people_know(staging: Declared, production: Declared) -> None:
    assert staging.names("EventListener") == production.names("EventListener") == ["chespirito-github-el"]
    assert "pr-trigger" in staging.names("Trigger")
    assert "push-main-trigger" in production.names("Trigger")
    assert "chespirito-staging-pipeline" in staging.names("Pipeline")
    assert "chespirito-production-pipeline" in production.names("Pipeline")


def test_the_address_of_the_listener_is_an_output(single: Declared) -> None:
    listener = single.one("EventListener")["metadata"]
    expected = f"http://el-{listener['name']}.{listener['namespace']}.svc.cluster.local:8080"
    assert single.recording.outputs["listener"] == expected
