"""The stand-in for kubernetes: what the provider answers the engine."""

from types import SimpleNamespace

import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2

from local.plugins.kubernetes import settings
from local.plugins.kubernetes.cluster import ApiError
from local.plugins.kubernetes.desired import Desired
from local.plugins.kubernetes.provider import KubernetesProvider
from local.plugins.server import MARKER, RefusalError
from local.plugins.wire import Bag, encode
from tests.local.kubernetes_kinds import SECRET


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
