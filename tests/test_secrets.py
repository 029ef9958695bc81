"""No secret leaves its place: what a secret file holds shows nowhere in a stack's registrations, plain or encoded."""

import base64
import json
from collections.abc import Callable

import pulumi
import pulumi_kubernetes as k8s
import pytest

from offline.run import HIDDEN, Recording, run, stack_config
from tests.conftest import Preview
from tests.support import CANARY, ROOT, STACK_FILES, Declared, canary


def encodings(text: str) -> list[str]:
    """The text and what base64 makes of it at each of the three offsets in a longer text."""
    found = [text]
    for offset in range(3):
        encoded = base64.b64encode(b"." * offset + text.encode()).decode().rstrip("=")
        # The first characters mix with what stands before, the last with what follows.
        found.append(encoded[(offset * 4 + 2) // 3 : -1])
    return found


def leaks(recording: Recording) -> list[str]:
    """The forms of the canary that are readable in anything a run declared."""
    everything = repr(recording)
    return [form for form in encodings(CANARY) if form in everything]


@pytest.mark.parametrize("name", STACK_FILES)
def test_no_secret_of_a_shipped_stack_is_readable(previews: dict[str, Preview], name: str) -> None:
    recording = previews[name].declared.recording
    assert [path for path in previews[name].files if canary(path).startswith(CANARY)]
    assert leaks(recording) == []
    assert "result-of-listener-webhook-secret" not in repr(recording)


def leaky_environment_variable(token: pulumi.Output[str]) -> None:
    k8s.core.v1.Pod("pod", spec={"containers": [{"name": "app", "env": [{"name": "TOKEN", "value": token}]}]})


def leaky_annotation(token: pulumi.Output[str]) -> None:
    encoded = token.apply(lambda text: base64.b64encode(f"user:{text}".encode()).decode())
    k8s.core.v1.ConfigMap("map", metadata={"annotations": {"login": encoded}})


def leaky_output(token: pulumi.Output[str]) -> None:
    pulumi.export("token", token)


class Leaky(pulumi.ComponentResource):
    """Registers what it was given."""

    def __init__(self, token: pulumi.Output[str]) -> None:
        super().__init__("tests:index:Leaky", "leaky")
        self.register_outputs({"token": token})


def leaky_name(_: pulumi.Output[str]) -> None:
    k8s.core.v1.ConfigMap(canary("name"))


@pytest.mark.parametrize("leak", [leaky_environment_variable, leaky_annotation, leaky_output, Leaky, leaky_name])
def test_a_leak_would_be_found(leak: Callable[[pulumi.Output[str]], object]) -> None:
    """The same search over programs that leak: without this the search could be blind."""
    forgotten = pulumi.Output.unsecret
    assert leaks(run(lambda: (leak(forgotten(pulumi.Output.secret(canary("token")))), None)[1])) != []


@pytest.mark.parametrize("keep", [leaky_environment_variable, leaky_annotation, leaky_output, Leaky])
def test_the_mark_of_a_secret_survives_wherever_it_flows(keep: Callable[[pulumi.Output[str]], object]) -> None:
    assert leaks(run(lambda: (keep(pulumi.Output.secret(canary("token"))), None)[1])) == []


def test_a_secret_put_into_text_is_an_error() -> None:
    with pytest.raises(Exception, match="Calling __str__ on an Output"):
        run(lambda: pulumi.export("text", f"token {pulumi.Output.secret('x')}"))


def test_every_secret_object_is_secret_as_a_whole(stack: Declared) -> None:
    found = stack.recording.of_type("kubernetes:core/v1:Secret")
    assert found
    for resource in found:
        assert resource.secret_paths == ("stringData",), resource.urn
        assert set(resource.inputs["stringData"].values()) == {HIDDEN}


def test_nothing_but_secret_objects_holds_a_secret(stack: Declared) -> None:
    """A secret in a Task or Deployment would be readable in the cluster by whoever may read those."""
    holders = {resource.type for resource in stack.resources if resource.secret_paths}
    assert holders == {"kubernetes:core/v1:Secret"}


def test_the_webhook_secret_is_a_secret_output(stack: Declared) -> None:
    assert "webhookSecret" in stack.recording.secret_outputs
    assert stack.recording.outputs["webhookSecret"] == HIDDEN


def test_the_shipped_stack_files_hold_no_secret() -> None:
    """They name files; every password, token and key in them is a mapping with `file`."""
    for name in STACK_FILES:
        for value in stack_config(ROOT / f"Pulumi.{name}.yaml").values():
            if value.startswith("{"):
                for word in ("token", "password", "privateKey"):
                    assert_sources(json.loads(value), word)


def assert_sources(value: object, word: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == word:
                assert item.keys() == {"file"}, item
            assert_sources(item, word)
