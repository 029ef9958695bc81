"""The stand-in for kubernetes: what changes, and what replaces."""

import pytest

from local.plugins.kubernetes.differ import compare
from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.replacement import force_new, replaces
from local.plugins.paths import parse, render
from local.plugins.wire import UNKNOWN
from tests.local.kubernetes_kinds import CONFIG_MAP, DEPLOYMENT, SECRET


def changes(old, new, ignored=()):
    return {render(path): what for path, what in compare(old, new, [], [parse(t) for t in ignored]).changes.items()}


def test_changes_are_named_by_path_and_kind():
    old = {"a": 1, "labels": {"x/y": "1"}, "list": [{"n": "a", "v": 1}], "gone": {"k": 1}}
    new = {"a": 2, "labels": {"x/y": "2"}, "list": [{"n": "a", "v": 1}, {"n": "b"}], "come": {"k": 1}}
    assert changes(old, new) == {
        "a": "UPDATE",
        "labels.x/y": "UPDATE",
        "list[1]": "ADD",
        "gone": "DELETE",
        "come": "ADD",
    }


def test_types_count_in_a_comparison():
    assert changes({"a": True, "b": 1, "c": "1"}, {"a": 1, "b": 1.0, "c": 1}) == {"a": "UPDATE", "c": "UPDATE"}


def test_what_is_not_known_yet_counts_as_changed():
    assert changes({"a": {"b": "x"}}, {"a": UNKNOWN}) == {"a": "UPDATE"}


def test_ignored_paths_are_left_out():
    old, new = {"c": [{"image": "a", "x": 1}]}, {"c": [{"image": "b", "x": 2}]}
    assert changes(old, new, ["c[*].image"]) == {"c[0].x": "UPDATE"}


@pytest.mark.parametrize(
    ("kind", "path", "value", "expected"),
    [
        (DEPLOYMENT, "metadata.name", "x", True),
        (DEPLOYMENT, "metadata.namespace", "x", True),
        (DEPLOYMENT, "metadata.labels.x", "x", False),
        (DEPLOYMENT, "spec.selector.matchLabels.app", "x", True),
        (DEPLOYMENT, "spec.template.metadata.labels.app", "x", False),
        (DEPLOYMENT, "spec", {"selector": {}}, True),
        (DEPLOYMENT, "spec", {"replicas": 1}, False),
        (Kind("batch/v1", "Job"), "spec.template.spec.containers[0].image", "x", True),
        (Kind("batch/v1", "Job"), "spec.backoffLimit", 1, False),
        (Kind("rbac.authorization.k8s.io/v1", "RoleBinding"), "roleRef.name", "x", True),
        (Kind("rbac.authorization.k8s.io/v1", "RoleBinding"), "subjects[0].name", "x", False),
        (Kind("v1", "Pod"), "spec.containers[1].image", "x", True),
        (Kind("v1", "Pod"), "spec.containers[1]", {"image": "x"}, True),
        (Kind("v1", "Pod"), "spec.activeDeadlineSeconds", 1, False),
        (Kind("v1", "Service"), "spec.clusterIP", "None", True),
        (Kind("v1", "PersistentVolumeClaim"), "spec.resources.requests.storage", "1Gi", False),
        (Kind("v1", "PersistentVolumeClaim"), "spec.storageClassName", "x", True),
        (SECRET, "type", "x", True),
        (SECRET, "data.a", "x", True),
        (CONFIG_MAP, "data.a", "x", True),
        (CONFIG_MAP, "binaryData.a", "x", True),
        (Kind("tekton.dev/v1", "Task"), "spec.steps[0].script", "x", False),
    ],
)
def test_which_changes_replace(kind, path, value, expected):
    patterns = force_new(kind, {}, secret_mutable=False, config_map_mutable=False)
    assert replaces(patterns, parse(path), value) is expected


@pytest.mark.parametrize(("kind", "immutable", "expected"), [
    (SECRET, False, False), (SECRET, True, True), (CONFIG_MAP, False, False), (CONFIG_MAP, True, True),
])  # fmt: skip
def test_mutable_secrets_and_config_maps_are_edited_unless_the_object_says_immutable(kind, immutable, expected):
    patterns = force_new(kind, {"immutable": immutable}, secret_mutable=True, config_map_mutable=True)
    assert replaces(patterns, ("data", "a"), "x") is expected
