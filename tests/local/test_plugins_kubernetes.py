"""The stand-in for kubernetes: what changes, what replaces, what drifts, what is refused."""

import base64
import copy
from types import SimpleNamespace

import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2

from local.plugins.kubernetes import kinds, objects, settings
from local.plugins.kubernetes.cluster import ApiError
from local.plugins.kubernetes.desired import Desired
from local.plugins.kubernetes.differ import compare
from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.provider import KubernetesProvider
from local.plugins.kubernetes.readiness import WaitError, check_for
from local.plugins.kubernetes.refresh import adopt, untried
from local.plugins.kubernetes.replacement import force_new, replaces
from local.plugins.paths import parse, render
from local.plugins.server import MARKER, RefusalError
from local.plugins.wire import UNKNOWN, Bag, encode

DEPLOYMENT = Kind("apps/v1", "Deployment")
SECRET = Kind("v1", "Secret")
CONFIG_MAP = Kind("v1", "ConfigMap")


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


def test_a_normalised_value_is_not_drift():
    inputs = {"limits": {"cpu": "1000m"}, "labels": {"a": "1"}}
    live = {"limits": {"cpu": "1"}, "labels": {"a": "1", "theirs": "2"}, "status": {}}
    assert adopt(inputs, copy.deepcopy(live), live) == inputs


def test_a_foreign_value_takes_the_inputs_place():
    inputs = {"labels": {"a": "1", "b": "1"}, "data": {"k": "v"}}
    applied = {"labels": {"a": "1", "b": "1"}, "data": {"k": "v"}, "uid": "u"}
    live = {"labels": {"a": "2"}, "data": {"k": "v"}, "uid": "u"}
    assert adopt(inputs, applied, live) == {"labels": {"a": "2"}, "data": {"k": "v"}}


def test_items_of_a_list_are_found_by_name():
    inputs = [{"name": "a", "cpu": "1000m"}, {"name": "b", "image": "1"}]
    applied = [{"name": "a", "cpu": "1", "d": 1}, {"name": "b", "image": "1", "d": 1}, {"name": "sidecar"}]
    live = [{"name": "a", "cpu": "1", "d": 1}, {"name": "b", "image": "2", "d": 1}, {"name": "sidecar"}]
    assert adopt(inputs, applied, live) == [{"name": "a", "cpu": "1000m"}, {"name": "b", "image": "2"}]


def test_added_removed_and_reordered_items_are_drift():
    one, two, three = ({"name": name} for name in "abc")
    assert adopt([one, two], [one, two], [one, two, three]) == [one, two, three]
    assert adopt([one, two], [one, two], [two]) == [two]
    assert adopt([one, two], [one, two], [two, one]) == [two, one]
    assert adopt([1, 2], [1, 2], [1]) == [1]
    assert adopt([{"verbs": ["get"]}], [{"verbs": ["get"]}], [{"verbs": ["list"]}]) == [{"verbs": ["list"]}]


def test_a_secrets_text_becomes_base64_and_all_of_it_is_secret():
    bag = Bag({"stringData": {"a": "x"}, "data": {"b": "eQ=="}}, frozenset({("stringData", "a")}))
    normal = objects.normalise(SECRET, bag)
    assert normal.value["data"] == {"a": base64.b64encode(b"x").decode(), "b": "eQ=="}
    assert "stringData" not in normal.value
    assert normal.secrets == {("data",)}


def test_a_secret_that_is_not_known_yet_stays_as_it_is():
    normal = objects.normalise(SECRET, Bag({"stringData": {"a": UNKNOWN}}))
    assert normal.value["stringData"] == {"a": UNKNOWN}
    assert normal.secrets == {("stringData",)}


def test_names():
    value = {"metadata": {}}
    objects.assign_name(value, Bag(), "Settings", b"seed", None)
    assert value["metadata"]["name"].startswith("settings-")
    assert len(value["metadata"]["name"]) == len("settings-") + 8
    again = {}
    objects.assign_name(again, Bag(), "Settings", b"seed", None)
    assert again == value, "a preview and its update choose the same name"
    kept = {}
    objects.assign_name(kept, Bag(value), "Settings", b"other", None)
    assert kept == value, "an object keeps its name"
    named = {"metadata": {"name": "mine"}}
    objects.assign_name(named, Bag(value), "Settings", b"seed", None)
    assert named == {"metadata": {"name": "mine"}}


def test_a_preview_says_explicitly_what_only_the_server_knows():
    service = Kind("v1", "Service")
    outputs = objects.foreseen(service, Bag({"metadata": {"name": "a"}, "spec": {"ports": []}}), Bag(), "m")
    assert outputs.value["metadata"]["uid"] is UNKNOWN
    assert outputs.value["spec"]["clusterIP"] is UNKNOWN
    update = objects.foreseen(service, Bag({"metadata": {"name": "a"}}), Bag({"metadata": {"uid": "u"}}), "m")
    assert update.value["metadata"]["uid"] == "u"


def test_ignored_paths_are_treated_as_the_official_plugin_does():
    live = {
        "metadata": {
            "managedFields": [
                {"manager": "scaler", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "us", "fieldsV1": {"f:spec": {"f:limit": {}}}},
            ]
        },
        "spec": {"replicas": 5, "limit": 7},
    }
    value = {"spec": {"replicas": 1, "limit": 1, "containers": [{"image": "stale"}]}}
    paths = ["spec.replicas", "spec.limit", "spec.containers[0].image"]
    assert objects.with_ignored(value, live, paths, "us") == {"spec": {"limit": 7, "containers": [{"image": "stale"}]}}


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("kubernetes:core/v1:Secret", SECRET),
        ("kubernetes:apps/v1:Deployment", DEPLOYMENT),
        ("kubernetes:tekton.dev/v1:Task", Kind("tekton.dev/v1", "Task")),
        ("kubernetes:example.com/v1:AllowList", Kind("example.com/v1", "AllowList")),
    ],
)
def test_types_that_are_taken_on(token, kind):
    assert kinds.of_type(token) == kind


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:core/v1:ConfigMapPatch",
        "kubernetes:core/v1:ConfigMapList",
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:yaml:ConfigFile",
        "kubernetes:kustomize/v2:Directory",
        "kubernetes:extensions/v1beta1:Ingress",
        "aws:s3/bucket:Bucket",
    ],
)
def test_types_that_are_refused(token):
    with pytest.raises(RefusalError, match="does not support"):
        kinds.of_type(token)


def test_what_the_official_plugin_waits_for_is_taken_on_only_without_waiting():
    token, kind = "kubernetes:networking.k8s.io/v1:Ingress", Kind("networking.k8s.io/v1", "Ingress")
    kinds.check_object(token, kind, {"metadata": {"annotations": {"pulumi.com/skipAwait": "true"}}})
    with pytest.raises(RefusalError, match="waits for"):
        kinds.check_object(token, kind, {"metadata": {}})


@pytest.mark.parametrize(
    "value",
    [
        {"metadata": {"annotations": {"pulumi.com/waitFor": "condition=Ready"}}},
        {"metadata": {"annotations": {"pulumi.com/replaceUnready": "true"}}},
        {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "me"}}},
        {"metadata": {"annotations": {"helm.sh/hook": "test"}}},
        {"metadata": {"generateName": "a-"}},
        {"kind": "ConfigMap"},
        {"apiVersion": "v2"},
    ],
)
def test_objects_that_are_refused(value):
    with pytest.raises(RefusalError):
        kinds.check_object("kubernetes:core/v1:Secret", SECRET, value)


def test_annotations_that_are_understood():
    annotations = {"pulumi.com/skipAwait": "true", "pulumi.com/patchForce": "true", "example.com/a": "b"}
    kinds.check_object("kubernetes:core/v1:Secret", SECRET, {"metadata": {"annotations": annotations}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"renderYamlToDirectory": "x"}, "'renderYamlToDirectory'"),
        ({"enableServerSideApply": "false"}, "only applies server-side"),
        ({"enableSecretMutable": "yes"}, "allowed are true and false"),
    ],
)
def test_provider_options_that_are_refused(values, message):
    with pytest.raises(RefusalError, match=message):
        settings.read(values)


def test_an_environment_variable_of_the_plugin_is_not_ignored(monkeypatch):
    monkeypatch.setenv("PULUMI_K8S_AWAIT_ALL", "true")
    with pytest.raises(RefusalError, match="PULUMI_K8S_AWAIT_ALL"):
        settings.read({})


def test_an_object_that_exists_is_taken_over_only_where_that_is_asked_for(monkeypatch):
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
    entries = [{"manager": "kubectl", "operation": "Update"}, {"manager": "pulumi-kubernetes-former", "operation": "Apply"}]
    applied = []

    class Cluster:
        def namespaced(self, kind):
            return True

        def get(self, reference):
            return {**config_map, "metadata": {**config_map["metadata"], "managedFields": entries}}

        def apply(self, body, kind, manager, *, force, dry_run):
            applied.append((manager, force))
            return body

    provider = KubernetesProvider(SimpleNamespace(info=print, warning=print))
    monkeypatch.setattr(provider, "_connection", Cluster())
    request = SimpleNamespace(
        urn="urn:a", type="kubernetes:core/v1:ConfigMap", properties=encode(Bag(config_map)), preview=False, timeout=0
    )
    with pytest.raises(RefusalError, match='ConfigMap "b/a" already exists'):
        provider.Create.__wrapped__(provider, request, None)
    assert applied == []
    provider.settings = settings.read({"upsertExistingObjects": "true"})
    provider.Create.__wrapped__(provider, request, None)
    provider.settings = settings.read({"upsertExistingObjects": "true", "enablePatchForce": "true"})
    entries.pop()
    provider.Create.__wrapped__(provider, request, None)
    # As the manager that Pulumi gave it when it made it, if it did: two of them would be in each other's way for ever.
    (as_before, as_new), forced = zip(*applied, strict=True)
    assert as_before == "pulumi-kubernetes-former"
    assert as_new.startswith("pulumi-kubernetes-")
    assert as_new != as_before
    assert forced == (False, True)


def test_a_definition_is_ready_when_it_is_established():
    check = check_for(Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"), {})
    established = {"type": "Established", "status": "True"}
    assert check(None, {"status": {"conditions": [established]}}) is None
    assert "not established" in check(None, {})
    with pytest.raises(WaitError, match="names are not accepted: taken"):
        check(None, {"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}})


KUBECONFIG = """
clusters: [{name: one, cluster: {server: "https://one:6443"}}, {name: two, cluster: {server: "https://two:6443"}}]
contexts: [{name: one, context: {cluster: one, namespace: here}}, {name: two, context: {cluster: two}}]
current-context: one
"""


def test_a_kubeconfig_is_a_text_or_a_path(tmp_path):
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    for given in (KUBECONFIG, str(path)):
        assert settings.read({"kubeconfig": given}).server() == "https://one:6443"
        assert settings.read({"kubeconfig": given, "context": "two"}).server() == "https://two:6443"
    assert settings.read({"kubeconfig": KUBECONFIG}).default_namespace() == "here"
    assert settings.read({"kubeconfig": KUBECONFIG, "namespace": "there"}).default_namespace() == "there"


def test_a_kubeconfig_that_is_missing_or_lacks_the_context_is_named(tmp_path):
    with pytest.raises(RefusalError, match="No such file"):
        settings.read({"kubeconfig": str(tmp_path / "none")}).cluster()
    with pytest.raises(RefusalError, match="has no context 'three'; it has: one, two"):
        settings.read({"kubeconfig": KUBECONFIG, "context": "three"}).cluster()


def live_deployment(**status):
    return {"kind": "Deployment", "metadata": {"name": "a", "generation": 2}, "spec": {"replicas": 2}, "status": status}


def test_a_deployment_is_ready_when_the_new_pods_are_available_and_the_old_ones_gone():
    check = check_for(DEPLOYMENT, {})
    done = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    assert check(None, live_deployment(**done)) is None
    for change in ({"observedGeneration": 1}, {"availableReplicas": 1}, {"updatedReplicas": 1}, {"replicas": 3}):
        assert check(None, live_deployment(**{**done, **change}))
    exceeded = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too late"}]
    with pytest.raises(WaitError, match="too late"):
        check(None, live_deployment(**{**done, "availableReplicas": 0, "conditions": exceeded}))


def test_nothing_waits_where_the_object_says_so():
    assert check_for(DEPLOYMENT, {"metadata": {"annotations": {"pulumi.com/skipAwait": "true"}}}) is None
    assert check_for(Kind("tekton.dev/v1", "Task"), {}) is None


class AbortedError(Exception):
    pass


class Context:
    def abort(self, code, message):
        raise AbortedError(message)


def provider():
    return KubernetesProvider(SimpleNamespace(info=lambda *a, **k: None, warning=lambda *a, **k: None))


def diff(old, new, outputs, type_="kubernetes:core/v1:Secret"):
    request = provider_pb2.DiffRequest(
        urn="u", type=type_, old_inputs=encode(Bag(old)), news=encode(Bag(new)), olds=encode(Bag(outputs))
    )
    return provider().Diff(request, Context())


def test_a_replacement_with_a_fixed_name_deletes_first_and_one_with_a_new_name_does_not():
    def secret(name, value, **annotations):
        return {"metadata": {"name": name, "annotations": annotations}, "data": {"a": value}}

    own = {MARKER: True}
    fixed = diff(secret("s", "1"), secret("s", "2"), own)
    assert list(fixed.replaces) == ["data.a"]
    assert fixed.deleteBeforeReplace
    assert fixed.detailedDiff["data.a"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert not diff(secret("s", "1"), secret("t", "1"), own).deleteBeforeReplace
    auto = {"pulumi.com/autonamed": "true"}
    assert not diff(secret("s", "1", **auto), secret("s", "2", **auto), own).deleteBeforeReplace
    assert diff(secret("s", "1"), secret("s", "1"), own).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_state_of_the_official_plugin_is_refused():
    with pytest.raises(AbortedError, match="made by the official kubernetes plugin"):
        diff({}, {}, {"metadata": {"name": "a"}, "__fieldManager": "pulumi-kubernetes-12345678"})


def test_a_refusal_is_a_check_failure():
    request = provider_pb2.CheckRequest(
        type="kubernetes:core/v1:ConfigMapPatch", news=json_format.ParseDict({"a": "b"}, struct_pb2.Struct())
    )
    answer = provider().Check(request, Context())
    assert "Patch resource" in answer.failures[0].reason


def test_a_refused_secret_is_not_quoted():
    inputs = Bag({"data": {"a": "c2VjcmV0"}}, frozenset({("data",)}))
    desired = Desired("urn", SECRET, inputs, "pulumi-kubernetes-12345678", "v1")
    error = desired.failed(ApiError(422, 'data.a: Invalid value: "c2VjcmV0": illegal base64'))
    assert "c2VjcmV0" not in str(error)
    assert 'Invalid value: "[secret]"' in str(error)


def test_a_reader_sees_drift_but_none_in_empty_values_that_the_api_server_leaves_out() -> None:
    inputs = {"annotations": {}, "env": [{"name": "A", "value": ""}, {"name": "B", "value": "1"}], "data": {"k": "v"}}
    live = {"env": [{"name": "A"}, {"name": "B", "value": "1"}], "data": {"k": "v"}, "uid": "added by the server"}
    assert adopt(inputs, untried(inputs, live), live) == inputs
    changed = {**live, "env": [{"name": "A", "value": "set"}, {"name": "B", "value": "1"}], "data": {}}
    assert adopt(inputs, untried(inputs, changed), changed) == {
        "annotations": {},
        "env": [{"name": "A", "value": "set"}, {"name": "B", "value": "1"}],
        "data": {},
    }
