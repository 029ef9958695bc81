"""From settings to what is declared: the cases that the shipped stacks, which are for the embedded cluster, do not show."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.conventions import PROJECT, seconds
from tests.support import Declared, Object, record_config

VALID = Path(__file__).parent / "settings" / "valid.yaml"


def minimal(**changed: Any) -> Declared:
    """The smallest stack: GitHub, registries that anybody reads, the usual kubeconfig."""
    config = yaml.safe_load(VALID.read_text())["config"]
    return record_config({key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()} | changed)


def provider(stack: Declared) -> Object:
    (found,) = stack.recording.of_type("pulumi:providers:kubernetes")
    return found.inputs


@pytest.mark.parametrize(("text", "expected"), [("45s", 45), ("5m", 300), ("2h", 7200)])
def test_durations_are_seconds(text: str, expected: int) -> None:
    assert seconds(text) == expected


def test_without_a_kubeconfig_the_usual_one_applies() -> None:
    assert not {"kubeconfig", "context"} & provider(minimal()).keys()


def test_a_kubeconfig_and_its_context_are_taken_as_given() -> None:
    found = provider(minimal(cluster={"kubeconfig": "~/clusters/one", "context": "admin@one"}))
    assert found["kubeconfig"] == str(Path.home() / "clusters/one")
    assert found["context"] == "admin@one"


def test_secrets_change_in_place() -> None:
    """Replacing one would leave a moment without it."""
    assert provider(minimal())["enableSecretMutable"] == "true"


def test_where_anybody_may_read_the_registry_no_credential_is_declared_or_asked_for() -> None:
    """What writes finds a file without a login, since its client wants the file."""
    stack = minimal()
    files = {name for name in stack.names("Secret") if "registry" in name or "quarantine" in name}
    assert files == {"registry-push", "quarantine-push"}
    for item in stack.all("ServiceAccount"):
        assert item.get("imagePullSecrets", []) == []
    volumes = stack.one("Task", "promote")["spec"]["volumes"]
    assert {volume["secret"]["secretName"] for volume in volumes if "secret" in volume} == set()


def test_without_a_profile_on_the_nodes_the_build_says_that_it_is_unconfined() -> None:
    (image,) = [step for step in minimal().one("Task", "build")["spec"]["steps"] if step["name"] == "image"]
    assert image["securityContext"]["seccompProfile"] == {"type": "Unconfined"}


def test_the_listener_lives_with_the_first_environment() -> None:
    stack = minimal()
    assert stack.one("EventListener")["metadata"]["namespace"] == "staging-ci"
    assert {item["metadata"]["namespace"] for item in stack.all("Trigger")} == {"staging-ci"}


def test_every_run_starts_in_its_own_environment() -> None:
    stack = minimal()
    resources = [item["spec"]["resourcetemplates"][0] for item in stack.all("TriggerTemplate")]
    assert {
        (resource["metadata"]["namespace"], resource["metadata"]["labels"][f"{PROJECT}/environment"])
        for resource in resources
    } == {("staging-ci", "staging"), ("production-ci", "production")}


def test_repositories_are_on_github_unless_told_otherwise() -> None:
    (build,) = [
        task for task in minimal().one("Pipeline", "shop-staging-pipeline")["spec"]["tasks"] if task["name"] == "build"
    ]
    params = {param["name"]: param["value"] for param in build["params"]}
    assert params["repository-url"] == "ssh://git@github.com/acme/shop.git"
