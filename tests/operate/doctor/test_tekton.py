"""Tekton as the stack needs it, and each thing that may be otherwise."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from offline.needs.values import Needs
from operate.doctor import tekton
from operate.doctor.api import Api
from operate.doctor.rows import Row
from tekton.design import FEATURE_FLAGS
from tests.operate.doctor.fakes import FakeCluster

On = Callable[[FakeCluster], AbstractContextManager[Api]]
MAPS = "/api/v1/namespaces/tekton-pipelines/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/tekton-pipelines/deployments"
CORE = "tekton-triggers-core-interceptors"
SERVICE = f"/api/v1/namespaces/tekton-pipelines/services/{CORE}"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/tekton-pipelines/endpointslices"
LEADS = f"the Service tekton-pipelines/{CORE} leads to the interceptors"
INTERCEPTORS = "/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors"


def good() -> FakeCluster:
    made: dict[str, Any] = {
        f"{MAPS}/pipelines-info": {"data": {"version": "v1.15.0"}},
        f"{MAPS}/triggers-info": {"data": {"version": "v0.37.0"}},
        f"{MAPS}/feature-flags": {"data": dict(FEATURE_FLAGS)},
        f"{MAPS}/config-defaults": {"data": {}},
    }
    for _, _, names in tekton.PARTS.values():
        made |= {f"{DEPLOYMENTS}/{name}": {"status": {"availableReplicas": 1}} for name in names}
    asked = {"spec": {"clientConfig": {"caBundle": "x", "service": {"name": CORE, "namespace": "tekton-pipelines"}}}}
    made |= {f"{INTERCEPTORS}/{name}": asked for name in ("cel", "github")}
    made |= {SERVICE: {"spec": {}}, SLICES: {"items": [{"endpoints": [{"conditions": {"ready": True}}]}]}}
    return FakeCluster(made)


def rows(on: On, needs: Needs, made: FakeCluster) -> list[Row]:
    with on(made) as api:
        return [row for row in tekton.rows(needs, api) if row.state != "fine"]


def test_a_tekton_as_needed_is_fine(on: On, staging: Needs, production: Needs) -> None:
    assert rows(on, staging, good()) == []
    assert rows(on, production, good()) == []


@pytest.mark.parametrize(
    ("path", "found", "what", "state"),
    [
        (f"{MAPS}/pipelines-info", {"data": {"version": "v1.14.2"}}, "Tekton Pipelines 1.15 or newer", "wrong"),
        (f"{MAPS}/pipelines-info", {"data": {"version": "devel"}}, "Tekton Pipelines 1.15 or newer", "unknown"),
        (f"{MAPS}/pipelines-info", None, "Tekton Pipelines 1.15 or newer", "wrong"),
        (f"{MAPS}/triggers-info", {"data": {"version": "v0.36.9"}}, "Tekton Triggers 0.37 or newer", "wrong"),
        (f"{DEPLOYMENTS}/tekton-triggers-webhook", None, "tekton-triggers-webhook runs", "wrong"),
        (f"{DEPLOYMENTS}/tekton-pipelines-controller", {"status": {}}, "tekton-pipelines-controller runs", "wrong"),
        (SERVICE, None, LEADS, "wrong"),
        (SLICES, {"items": []}, LEADS, "wrong"),
        (SLICES, {"items": [{"endpoints": [{"conditions": {"ready": False}}]}]}, LEADS, "wrong"),
        (SLICES, {"items": [{"endpoints": None}]}, LEADS, "wrong"),
        (f"{INTERCEPTORS}/cel", None, "the ClusterInterceptor cel", "wrong"),
        (f"{INTERCEPTORS}/github", {"spec": {"clientConfig": {}}}, "the ClusterInterceptor github", "wrong"),
        (
            f"{MAPS}/config-defaults",
            {"data": {"default-forbidden-env": "TMP, HOME"}},
            "Tekton's defaults forbid no variable of a step",
            "wrong",
        ),
        (
            f"{MAPS}/config-defaults",
            {"data": {"default-pod-template": "hostNetwork: true"}},
            "Tekton's default pod template opens nothing",
            "advised",
        ),
        (f"{MAPS}/feature-flags", None, "Tekton's ConfigMap feature-flags", "wrong"),
    ],
)  # fmt: skip
def test_what_is_otherwise_is_named(on: On, staging: Needs, path: str, found: Any, what: str, state: str) -> None:
    made = good()
    if found is None:
        del made.objects[path]
    else:
        made.objects[path] = found
    (row,) = rows(on, staging, made)
    assert (row.state, row.what) == (state, what)
    assert state == "unknown" or row.mend


@pytest.mark.parametrize("flag", FEATURE_FLAGS)
def test_a_flag_is_wrong_only_where_runs_fail_by_it(on: On, staging: Needs, production: Needs, flag: str) -> None:
    """Pull requests are delivered in a `baseline` namespace, merges in a `restricted` one."""
    made = good()
    del made.objects[f"{MAPS}/feature-flags"]["data"][flag]
    (row,) = rows(on, staging, made)
    assert (row.state, FEATURE_FLAGS[flag] in row.mend) == ("advised", True)
    (row,) = rows(on, production, made)
    assert row.state == ("wrong" if flag == "set-security-context" else "advised")


def test_what_may_not_be_seen_is_unknown(on: On, staging: Needs) -> None:
    made = good()
    made.refused = dict.fromkeys(made.objects, 403)
    assert {row.state for row in rows(on, staging, made)} == {"unknown"}
