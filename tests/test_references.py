"""Every name that an object refers to is the name of another one of the stack."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import Declared, Object, both_environments, several_applications

# In every namespace, made by Kubernetes.
GIVEN = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
# Installed with Triggers.
INTERCEPTORS = {"github", "cel"}
# Made by whoever uses them, while the stack runs.
MADE_LATER = {("ConfigMap", "freeze")}

# Objects that tests/settings/everything.yaml names as there already, for an application's volumes and variables.
THERE_ALREADY = {
    f"{name}: no {there}"
    for where in ("test", "live", "later-applications")
    for name, kinds in {
        "Deployment chespirito-pod": (f"Secret {where}/queue", f"Secret {where}/keys", f"ConfigMap {where}/shop"),
        "PodTemplate chespirito-before-rollout": (
            f"Secret {where}/queue",
            f"Secret {where}/keys",
            f"ConfigMap {where}/shop",
        ),
        "Deployment chespirito-worker-pod": (f"Secret {where}/queue",),
        "Deployment chespirito-admin-pod": (f"Secret {where}/queue",),
    }.items()
    for there in (*kinds, *(["ConfigMap test/flags"] if where == "test" else []))
}
CERTIFICATES_FROM_ELSEWHERE = ("Ingress", "Gateway")


class Names:
    """The declared objects by kind, namespace and name."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = {
            (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in objects
        }

    def missing(self, kind: str, namespace: str, name: str, key: str | None = None) -> Iterator[str]:
        if "$(" in name or (kind, name) in GIVEN | MADE_LATER:
            return
        found = self.objects.get((kind, namespace, name))
        if found is None:
            yield f"no {kind} {namespace}/{name}"
        elif key is not None and key not in found.get("stringData", {}) | found.get("data", {}):
            yield f"{kind} {namespace}/{name} has no key {key}"


def mappings(value: Any, namespace: str) -> Iterator[tuple[Object, str]]:
    """Every mapping in an object and the namespace that it speaks of: a template's is that of what it makes."""
    if isinstance(value, dict):
        metadata = value.get("metadata")
        if isinstance(metadata, dict):
            namespace = metadata.get("namespace", namespace)
        yield value, namespace
        for item in value.values():
            yield from mappings(item, namespace)
    elif isinstance(value, list):
        for item in value:
            yield from mappings(item, namespace)


def dangling(objects: list[Object]) -> list[str]:
    names = Names(objects)
    return [
        f"{item['kind']} {item['metadata']['name']}: {problem}"
        for item in objects
        if item["kind"] != "ValidatingAdmissionPolicy"
        for problem in [*_by_field(item, names), *_by_kind(item, names)]
    ]


def _by_field(item: Object, names: Names) -> Iterator[str]:
    for found, namespace in mappings(item, ""):
        if "secretName" in found and item["kind"] not in CERTIFICATES_FROM_ELSEWHERE:
            keys = [each["key"] for each in found.get("items", [])] or [found.get("secretKey")]
            for key in keys:
                yield from names.missing("Secret", namespace, found["secretName"], key)
        for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            if field in found:
                yield from names.missing(kind, namespace, found[field]["name"], found[field]["key"])
        if "configMap" in found:
            yield from names.missing("ConfigMap", namespace, found["configMap"]["name"])
        for secret in found.get("imagePullSecrets", []):
            yield from names.missing("Secret", namespace, secret["name"])
        if "serviceAccountName" in found:
            yield from names.missing("ServiceAccount", namespace, found["serviceAccountName"])


def _by_kind(item: Object, names: Names) -> Iterator[str]:
    kind, namespace = item["kind"], item["metadata"].get("namespace", "")
    if kind in ("RoleBinding", "ClusterRoleBinding"):
        role = item["roleRef"]
        yield from names.missing(role["kind"], namespace if role["kind"] == "Role" else "", role["name"])
        for subject in item["subjects"]:
            if subject["kind"] == "ServiceAccount":
                yield from names.missing("ServiceAccount", subject["namespace"], subject["name"])
    elif kind == "Role":
        for rule in item["rules"]:
            for resource, named in (
                ("deployments", "Deployment"),
                ("leases", "Lease"),
                ("podtemplates", "PodTemplate"),
                ("secrets", "Secret"),
            ):
                if resource in rule["resources"]:
                    for name in rule.get("resourceNames", []):
                        yield from names.missing(named, namespace, name)
    elif kind == "ValidatingAdmissionPolicyBinding":
        yield from names.missing("ValidatingAdmissionPolicy", "", item["spec"]["policyName"])
    elif kind == "HorizontalPodAutoscaler":
        target = item["spec"]["scaleTargetRef"]
        yield from names.missing(target["kind"], namespace, target["name"])
    elif kind == "Service":
        yield from _selected(item["spec"]["selector"], namespace, names)
    elif kind == "PodDisruptionBudget":
        yield from _selected(item["spec"]["selector"]["matchLabels"], namespace, names)
    elif kind == "EventListener":
        for group in item["spec"]["triggerGroups"]:
            for interceptor in group["interceptors"]:
                if interceptor["ref"]["name"] not in INTERCEPTORS:
                    yield f"no interceptor {interceptor['ref']['name']}"
            wanted = group["triggerSelector"]["labelSelector"]["matchLabels"].items()
            triggers = [each for (found, home, _), each in names.objects.items() if (found, home) == ("Trigger", namespace)]
            if not any(wanted <= trigger["metadata"]["labels"].items() for trigger in triggers):
                yield f"the group {group['name']} selects no Trigger"


def _selected(selector: Object, namespace: str, names: Names) -> Iterator[str]:
    """A selector finds the pods of a Deployment."""
    deployments = [item for (kind, home, _), item in names.objects.items() if (kind, home) == ("Deployment", namespace)]
    if not any(selector.items() <= item["spec"]["template"]["metadata"]["labels"].items() for item in deployments):
        yield f"{selector} selects no Deployment's pods"


def test_every_reference_leads_to_an_object_of_the_stack(stack: Declared) -> None:
    found = set(dangling(stack.objects))
    assert found == (THERE_ALREADY if stack.recording.stack == "everything" else set())


def test_so_it_is_in_other_shapes_of_a_stack() -> None:
    for declared in (both_environments(), several_applications()):
        assert dangling(declared.objects) == []


def _rename(kind: str, name: str) -> Callable[[list[Object]], None]:
    def rename(objects: list[Object]) -> None:
        for item in objects:
            if (item["kind"], item["metadata"]["name"]) == (kind, name):
                item["metadata"]["name"] = "renamed"

    return rename


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("Secret", "forge-token", "Task report: no Secret staging-ci/forge-token"),
        ("Secret", "registry-pull", "ServiceAccount reporter: no Secret staging-ci/registry-pull"),
        ("Secret", "webhook-secret", "EventListener chespirito-github-el: no Secret staging-ci/webhook-secret"),
        ("ServiceAccount", "deployer", "RoleBinding deployer: no ServiceAccount staging-ci/deployer"),
        (
            "ServiceAccount",
            "untrusted",
            "TriggerTemplate github-pr-trigger-template: no ServiceAccount staging-ci/untrusted",
        ),
        ("Role", "run-creator", "RoleBinding run-creator: no Role staging-ci/run-creator"),
        ("Deployment", "chespirito-pod", "Role deployer: no Deployment staging/chespirito-pod"),
        ("Lease", "chespirito-pod", "Role deployer: no Lease staging/chespirito-pod"),
    ],
)
def test_a_name_that_leads_nowhere_is_noticed(staging: Declared, kind: str, name: str, expected: str) -> None:
    objects = copy.deepcopy(staging.objects)
    _rename(kind, name)(objects)
    assert expected in dangling(objects)


def test_a_selector_that_finds_nothing_is_noticed(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    for item in objects:
        if item["kind"] == "Deployment":
            item["spec"]["template"]["metadata"]["labels"] = {}
        if item["kind"] == "Trigger":
            item["metadata"]["labels"] = {}
    found = dangling(objects)
    assert [problem for problem in found if problem.endswith(" selects no Trigger")]
    assert [problem for problem in found if problem.startswith("Service chespirito: ")]
