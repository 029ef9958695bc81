"""The stand-in for kubernetes: which types and objects are taken on, and which are refused."""

import pytest

from local.plugins.kubernetes import kinds
from local.plugins.kubernetes.kinds import Kind
from local.plugins.server import RefusalError
from tests.local.kubernetes_kinds import DEPLOYMENT, SECRET


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
