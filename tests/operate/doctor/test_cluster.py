"""The cluster as the stack needs it, and each thing that it may lack."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from offline.needs.values import Existing, Needs
from operate.doctor import cluster
from operate.doctor.api import Api, NoClusterError
from operate.doctor.rows import Row
from operate.doctor.versions import KUBERNETES, PIPELINES, TRIGGERS, WITHOUT_PROCESS_SANDBOX, told
from tests.operate.doctor.fakes import FakeCluster
from tests.support import ROOT

On = Callable[[FakeCluster], AbstractContextManager[Api]]
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


def node(runtime: str = "containerd://2.1.0", name: str = "one") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {}, "status": {"nodeInfo": {"containerRuntimeVersion": runtime}}}


def good() -> FakeCluster:
    return FakeCluster({"/version": {"gitVersion": "v1.36.1"}, "/api/v1/nodes": {"items": [node()]}})


def rows(on: On, needs: Needs, made: FakeCluster) -> list[Row]:
    with on(made) as api:
        return list(cluster.rows(needs, api))


def claiming(needs: Needs, name: str | None) -> Needs:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {}} | ({"storageClassName": name} if name else {})
    return replace(needs, objects=(*needs.objects, {"kind": "Task", "metadata": {}, "spec": {"volumes": [{"spec": claim}]}}))


def test_a_cluster_as_needed_is_fine(on: On, staging: Needs) -> None:
    assert [row.state for row in rows(on, staging, good())] == ["fine", "fine"]


@pytest.mark.parametrize(
    ("version", "sandbox", "state"),
    [
        ("v1.34.9", True, "wrong"),
        ("v1.34.9", False, "fine"),
        ("v1.32.0-eks-1", False, "wrong"),
        ("v1.35.0+k3s1", True, "fine"),
    ],
)
def test_the_version_is_compared(on: On, staging: Needs, version: str, sandbox: bool, state: str) -> None:
    made = good()
    made.objects["/version"] = {"gitVersion": version}
    first = rows(on, replace(staging, process_sandbox=sandbox), made)[0]
    assert (first.state, first.said) == (state, version)


@pytest.mark.parametrize(
    ("runtime", "state"), [("containerd://1.7.20", "wrong"), ("cri-o://1.31.0", "fine"), ("docker://27.0.0", "unknown")]
)
def test_an_old_container_runtime_is_named_with_its_node(on: On, staging: Needs, runtime: str, state: str) -> None:
    made = good()
    made.objects["/api/v1/nodes"] = {"items": [node(), node(runtime, "old")]}
    found = rows(on, staging, made)[1:]
    assert state in [row.state for row in found]
    assert state == "fine" or any("old" in row.what for row in found)


def test_nodes_that_may_not_be_seen_are_unknown(on: On, staging: Needs) -> None:
    made = good()
    made.refused["/api/v1/nodes"] = 403
    assert [row.state for row in rows(on, staging, made)] == ["fine", "unknown"]


@pytest.mark.parametrize(
    ("claimed", "there", "state"),
    [
        ("fast", {"fast": {}}, "fine"),
        ("fast", {"slow": {}}, "wrong"),
        (None, {"slow": {"storageclass.kubernetes.io/is-default-class": "true"}}, "fine"),
        (None, {"slow": {}}, "wrong"),
    ],
)
def test_storage_classes_of_claims_have_to_be_there(
    on: On, staging: Needs, claimed: str | None, there: dict[str, Any], state: str
) -> None:
    made = good()
    made.objects[CLASSES] = {"items": [{"metadata": {"name": name, "annotations": notes}} for name, notes in there.items()]}
    assert [row.state for row in rows(on, claiming(staging, claimed), made)[2:]] == [state]


def test_what_leads_from_outside_has_to_be_there(on: On, staging: Needs) -> None:
    more = (
        {"kind": "Ingress", "metadata": {}, "spec": {"ingressClassName": "nginx"}},
        {
            "kind": "HTTPRoute",
            "metadata": {"namespace": "a"},
            "spec": {"parentRefs": [{"name": "public", "namespace": "g"}]},
        },
        {"kind": "HorizontalPodAutoscaler", "metadata": {}, "spec": {}},
    )
    needs, made = replace(staging, objects=(*staging.objects, *more)), good()
    assert [(row.state, row.what) for row in rows(on, needs, made)[2:]] == [
        ("wrong", "the IngressClass nginx"),
        ("wrong", "the Gateway g/public"),
        ("wrong", "metrics for autoscaling"),
    ]
    for path in (
        "/apis/networking.k8s.io/v1/ingressclasses/nginx",
        "/apis/gateway.networking.k8s.io/v1/namespaces/g/gateways/public",
        "/apis/metrics.k8s.io/v1beta1",
    ):
        made.objects[path] = {}
    assert [row.state for row in rows(on, needs, made)[2:]] == ["fine"] * 3


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        ({"pod-security.kubernetes.io/enforce": "baseline"}, "fine"),
        ({"pod-security.kubernetes.io/enforce": "restricted"}, "wrong"),
        ({}, "wrong"),
        (None, "wrong"),
    ],
)
def test_a_namespace_of_somebody_else_has_to_fit(on: On, staging: Needs, labels: Any, state: str) -> None:
    made = good()
    if labels is not None:
        made.objects["/api/v1/namespaces/theirs"] = {"metadata": {"labels": labels}}
    found = rows(on, replace(staging, existing=(Existing("theirs", ("baseline",)),)), made)[-1]
    assert (found.state, found.what) == (state, "the namespace theirs")
    assert state == "fine" or found.mend.startswith("kubectl ")


def test_a_cluster_that_does_not_answer_is_no_traceback(staging: Needs, tmp_path: Any) -> None:
    from tests.operate.doctor.fakes import kubeconfig

    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig("http://127.0.0.1:9"))
    with pytest.raises(NoClusterError, match="does not answer"):
        Api(replace(staging, kubeconfig=str(path))).get("/version")
    with pytest.raises(NoClusterError):
        Api(replace(staging, kubeconfig=str(path), context="elsewhere"))


def test_the_documents_say_the_same_versions() -> None:
    wanted = [told(each[:2]) for each in (KUBERNETES, WITHOUT_PROCESS_SANDBOX, PIPELINES, TRIGGERS)]
    assert wanted == ["1.35", "1.33", "1.15", "0.37"]
    for name in ("docs/real-clusters.md", "README.md"):
        text = " ".join((ROOT / name).read_text().split())
        kubernetes, older, pipelines, triggers = wanted
        assert f"Kubernetes {kubernetes}" in text
        assert f"or {older}" in text
        assert f"Pipelines {pipelines} and Triggers {triggers}" in text
