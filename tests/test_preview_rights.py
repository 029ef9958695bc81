"""The rights that a preview needs: to read, by kind, what the stack declares."""

from offline.preview_rights import rights
from tests.support import Declared, Object


def test_a_preview_reads_every_declared_object_and_writes_nothing(stack: Declared) -> None:
    granted = rights(stack.objects, "preview", "ci/preview")
    rules: dict[str, list[Object]] = {
        role["metadata"].get("namespace", ""): role["rules"] for role in granted if role["kind"].endswith("Role")
    }
    verbs = {verb for of_namespace in rules.values() for rule in of_namespace for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}
    for item in stack.objects:
        group, name = item["apiVersion"].rpartition("/")[0], item["metadata"]["name"]
        assert [
            rule
            for rule in rules[item["metadata"].get("namespace", "")]
            if group in rule["apiGroups"]
            and any(resource.startswith(item["kind"].lower()[:-1]) for resource in rule["resources"])
            and name in rule.get("resourceNames", [name])
            and "get" in rule["verbs"]
        ], item


def test_secrets_are_named_one_by_one(stack: Declared) -> None:
    for role in rights(stack.objects, "preview", "ci/preview"):
        for rule in role.get("rules", []):
            if "secrets" in rule["resources"]:
                assert role["kind"] == "Role"
                assert rule["resourceNames"]
                assert rule["verbs"] == ["get"]


def test_every_role_is_bound_to_the_account(stack: Declared) -> None:
    granted = rights(stack.objects, "preview", "ci/preview")
    bindings = [item for item in granted if item["kind"].endswith("Binding")]
    assert len(bindings) * 2 == len(granted)
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "ci", "name": "preview"}]
