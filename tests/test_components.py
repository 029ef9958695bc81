"""What holds for every component and every object of both shipped stacks."""

import importlib
import inspect
import pkgutil
import re
import typing
from collections import Counter

import pulumi
import pytest
from pydantic.alias_generators import to_camel

import components
from components.conventions import PROJECT, key, token
from tests.golden.make import HERE as GOLDEN
from tests.golden.make import urns
from tests.support import ALL_STACKS, ROOT, Declared, existing_workloads, fetched_by_app, shipped_config

CLUSTER_SCOPED = {
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


def component_classes() -> dict[str, type[pulumi.ComponentResource]]:
    """Every component of the package, by type token."""
    found = {}
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, pulumi.ComponentResource) and cls.__module__ == module.name:
                found[token(cls.__name__)] = cls
    return found


def test_the_stacks_use_every_component_under_its_class_name(stacks: dict[str, Declared]) -> None:
    every = [*stacks.values(), existing_workloads(), fetched_by_app()]
    used = {resource.type for stack in every for resource in stack.resources if resource.type.startswith(PROJECT)}
    assert used == component_classes().keys()


def test_every_component_registers_exactly_the_outputs_that_its_class_declares(stack: Declared) -> None:
    classes = component_classes()
    for resource in stack.resources:
        if resource.type in classes:
            declared = {
                to_camel(name)
                for name, annotation in classes[resource.type].__annotations__.items()
                if typing.get_origin(annotation) is pulumi.Output
            }
            assert stack.recording.component_outputs[resource.urn].keys() == declared, resource.urn


def test_every_object_is_the_child_of_a_component(stack: Declared) -> None:
    components = {resource.urn for resource in stack.resources if resource.type.startswith(PROJECT)}
    for resource in stack.resources:
        if resource.type.startswith(("kubernetes:", "random:")):
            assert resource.parent in components, resource.urn


def test_every_object_goes_to_the_cluster_that_the_stack_names(stack: Declared) -> None:
    (provider,) = stack.recording.of_type("pulumi:providers:kubernetes")
    for resource in stack.resources:
        if resource.type.startswith("kubernetes:"):
            assert resource.provider.startswith(f"{provider.urn}::"), resource.urn


def test_no_two_resources_share_a_urn(stack: Declared) -> None:
    repeated = [urn for urn, count in Counter(resource.urn for resource in stack.resources).items() if count > 1]
    assert repeated == []


def test_no_two_objects_share_a_name(stack: Declared) -> None:
    places = Counter((item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in stack.objects)
    assert [place for place, count in places.items() if count > 1] == []


def test_names_are_explicit_and_within_kubernetes_limits(stack: Declared) -> None:
    for item in stack.objects:
        name = item["metadata"]["name"]
        # These names also become label values or parts of DNS names; RBAC names need not.
        form = DNS_SUBDOMAIN if item["kind"].startswith("ClusterRole") else DNS_LABEL
        assert form.fullmatch(name), f"{item['kind']} {name}"
        assert "generateName" not in item["metadata"]


def test_namespaced_objects_name_one_of_the_stacks_namespaces(stack: Declared) -> None:
    namespaces = set(stack.names("Namespace"))
    for item in stack.objects:
        if item["kind"] in CLUSTER_SCOPED:
            assert "namespace" not in item["metadata"], item["metadata"]
        else:
            assert item["metadata"]["namespace"] in namespaces, item["metadata"]


def test_cluster_scoped_names_carry_an_environment(stack: Declared) -> None:
    """So that two stacks share a cluster, and destroying one takes nothing from the other."""
    environments = {item["metadata"]["labels"][key("environment")] for item in stack.all("Namespace")}
    for item in stack.objects:
        if item["kind"] in CLUSTER_SCOPED:
            assert set(item["metadata"]["name"].split("-")) & environments, item["metadata"]["name"]


def test_every_object_says_whose_it_is(stack: Declared) -> None:
    environments = {item["name"] for item in shipped_config(stack.recording.stack)["environments"]}
    for item in stack.objects:
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == PROJECT
        assert labels["app.kubernetes.io/managed-by"] == "pulumi"
        assert labels[key("environment")] in environments
        for name, value in labels.items():
            assert LABEL_VALUE.fullmatch(value), f"{name}={value}"


@pytest.mark.parametrize("name", ALL_STACKS)
def test_urns_are_the_ones_that_were_agreed_on(name: str, stacks: dict[str, Declared]) -> None:
    expected = (GOLDEN / f"{name}.urns").read_text()
    assert urns(stacks[name]) == expected, (
        "a changed URN deletes and creates anew: add an alias, or accept it with `python -m tests.golden.make`"
    )


def test_a_changed_field_does_not_change_a_urn(stacks: dict[str, Declared]) -> None:
    """The goldens hold names only: no digest, no address, no placeholder."""
    text = "".join((GOLDEN / f"{name}.urns").read_text() for name in ALL_STACKS)
    assert "sha256" not in text
    assert str(ROOT) not in text
