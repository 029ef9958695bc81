"""Pods that are tried: what they are, what is told of how they ended, and that nothing is left."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from components.tasks.build import image_security_context
from offline.needs.values import Needs
from operate.doctor import namespace as namespaces
from operate.doctor import network, pods
from operate.doctor.api import Api, RefusedError
from operate.doctor.namespace import Throwaway
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import Answered, FakeCluster

On = Callable[[FakeCluster], AbstractContextManager[Api]]
RAN = {
    "phase": "Succeeded",
    "podIP": "10.244.0.9",
    "containerStatuses": [{"name": "image", "state": {"terminated": {"exitCode": 0}}}],
}
PRINTED = "uid 4294836224\nnested\nprocesses\n"
NODES = {"items": [{"metadata": {"labels": {"kubernetes.io/hostname": "one"}}, "spec": {}}]}
TAINT = [{"effect": "NoSchedule"}]


def waiting(reason: str, message: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "image", "state": state}]}


class Pods(FakeCluster):
    """A cluster whose pods end as a test says, by name."""

    def __init__(self, statuses: dict[str, Any], printed: dict[str, str]) -> None:
        super().__init__({"/api/v1/nodes": NODES})
        self.statuses, self.printed = statuses, printed
        self.on_create = self._pod

    def _pod(self, path: str, body: Any) -> Answered | None:
        if path.endswith("/pods"):
            name = body["metadata"]["name"]
            status = self.statuses.get(name, RAN)
            self.objects[f"{path}/{name}"] = body | {"status": status}
            self.objects[f"{path}/{name}/log"] = self.printed.get(name, "").encode()
        return None

    def of_kind(self, plural: str) -> list[Any]:
        return [body for path, body in self.created if path.endswith(f"/{plural}")]


def tried(on: On, needs: Needs, made: Pods, probe: Any = pods) -> list[Row]:
    with on(made) as api, Throwaway(needs, api) as throwaway:
        return list(probe.rows(needs, throwaway))


def test_a_node_as_needed_is_fine(on: On, staging: Needs) -> None:
    made = Pods({}, {"pod-1-0": PRINTED})
    rows = tried(on, staging, made)
    assert [row.state for row in rows] == ["fine"] * 5, rows
    assert made.deleted == [path for path in made.deleted if path.startswith("/api/v1/namespaces/tekton-delivery-doctor-")]
    assert len(made.deleted) == 1


def test_the_pod_is_pod_1_without_what_it_holds(on: On, staging: Needs) -> None:
    made = Pods({}, {"pod-1-0": PRINTED})
    tried(on, staging, made)
    (pod,), (space,) = made.of_kind("pods"), [body for path, body in made.created if path == "/api/v1/namespaces"]
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    spec = pod["spec"]
    assert (spec["hostUsers"], spec["automountServiceAccountToken"]) == (False, False)
    image = next(each for each in spec["containers"] if each["name"] == "image")
    assert image["securityContext"] == image_security_context("tekton-delivery/image-build.json", process_sandbox=True)
    assert image["resources"]["limits"]["memory"] == "2Gi"
    assert not any("secret" in volume for volume in spec["volumes"])
    assert spec["imagePullSecrets"] == [{"name": "registry-pull"}]


@pytest.mark.parametrize(
    ("printed", "what"),
    [
        ("uid 0\nnested\nprocesses\n", "pods have a user namespace of their own on one (hostUsers: false)"),
        ("uid 7\nunshare: no\n", "a build gets a user namespace of its own on one"),
        ("uid 7\nnested\nmount: denied\n", "a RUN gets processes of its own on one (procMount: Unmasked)"),
    ],
)
def test_what_a_node_lacks_is_named(on: On, staging: Needs, printed: str, what: str) -> None:
    wrong = [row.what for row in tried(on, staging, Pods({}, {"pod-1-0": printed})) if row.state == "wrong"]
    assert what in wrong


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        (waiting("CreateContainerError", "cannot load seccomp profile: no such file"), "images/seccomp/image-build.json"),
        (waiting("ImagePullBackOff", "401"), "`registry.read`"),
        (waiting("RunContainerError", "failed to set up user namespace: idmap"), "idmapped mounts"),
    ],
)
def test_why_a_pod_does_not_start_is_told(on: On, staging: Needs, status: Any, mend: str) -> None:
    (wrong,) = [row for row in tried(on, staging, Pods({"pod-1-0": status}, {})) if row.state == "wrong"]
    assert wrong.what == "pod 1 starts on one"
    assert status["containerStatuses"][0]["state"]["waiting"]["message"] in wrong.said
    assert mend in wrong.mend


def test_a_pod_that_waits_for_ever_is_told_with_the_last_warning(
    on: On, staging: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "_SECONDS", 0.1)
    made = Pods({"pod-1-0": {"phase": "Pending"}}, {})
    with on(made) as api, Throwaway(staging, api) as throwaway:
        events = f"/api/v1/namespaces/{throwaway.name}/events"
        made.objects[events] = {"items": [{"reason": "FailedMount", "message": "no provisioner for the volume"}]}
        (wrong,) = [row for row in pods.rows(staging, throwaway) if row.state == "wrong"]
    assert "FailedMount: no provisioner" in wrong.said
    assert "`build.storage`" in wrong.mend


def test_a_pod_that_is_refused_is_told(on: On, staging: Needs) -> None:
    made = Pods({}, {})
    made.on_create = lambda path, body: (
        (403, {"message": "violates PodSecurity: seccompProfile"}) if path.endswith("/pods") else None
    )
    (wrong,) = tried(on, staging, made)
    assert (wrong.state, "`build.seccompProfile`" in wrong.mend) == ("wrong", True)
    assert len(made.deleted) == 1


def test_each_node_that_takes_pods_is_tried(on: On, staging: Needs) -> None:
    made = Pods({}, {"pod-1-0": PRINTED, "pod-1-1": "uid 0\nnested\nprocesses\n"})
    named = [({"kubernetes.io/hostname": name}, spec) for name, spec in (("a", {}), ("b", {}), ("c", {"taints": TAINT}))]
    made.objects["/api/v1/nodes"] = {"items": [{"metadata": {"labels": labels}, "spec": spec} for labels, spec in named]}
    wrong = [row.what for row in tried(on, staging, made) if row.state == "wrong"]
    assert wrong == ["pods have a user namespace of their own on b (hostUsers: false)"]


def test_nothing_is_tried_where_nothing_is_built(on: On, production: Needs) -> None:
    assert tried(on, production, Pods({}, {})) == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_namespace_is_removed_whatever_comes(on: On, staging: Needs, end: type[BaseException]) -> None:
    made = FakeCluster()
    with on(made) as api, pytest.raises(end), Throwaway(staging, api):
        raise end
    assert len(made.deleted) == 1


def test_a_namespace_that_cannot_be_removed_is_named(on: On, staging: Needs) -> None:
    made = FakeCluster()
    with on(made) as api:
        throwaway = Throwaway(staging, api)
        made.refused[f"/api/v1/namespaces/{throwaway.name}"] = 403
        with pytest.raises(RefusedError, match=f"kubectl delete namespace {throwaway.name}"), throwaway:
            pass


def test_no_login_is_copied_that_cannot_be_read(on: On, staging: Needs) -> None:
    rights = tuple(replace(each, login=each.login and replace(each.login, password=None)) for each in staging.rights)
    made = Pods({}, {"pod-1-0": PRINTED})
    tried(on, replace(staging, rights=rights), made)
    assert made.of_kind("secrets") == []


REACHED = {
    "neighbour": {"address": "10.244.0.9", "error": "timed out"},
    "forge-git": {"address": "10.199.0.2", "error": ""},
    "forge-api": {"address": "10.199.0.2", "error": ""},
    "registry": {"address": "10.199.0.2", "error": ""},
    "quarantine": {"address": "10.199.0.2", "error": ""},
    "api-server": {"address": "10.96.0.1", "error": ""},
}
FREE = {"neighbour": {"address": "10.244.0.9", "error": ""}}


def reached(on: On, staging: Needs, *, free: Any = FREE, **changes: Any) -> list[Row]:
    printed = {
        "free": json.dumps(free),
        "closed": json.dumps(REACHED | {k.replace("_", "-"): v for k, v in changes.items()}),
    }
    made = Pods({"answers": {"phase": "Running", "podIP": "10.244.0.9"}}, printed)
    rows = tried(on, staging, made, network)
    policies = {body["metadata"]["name"] for body in made.of_kind("networkpolicies")}
    assert {"default-deny", "all-to-dns", "runs-to-forge-git", "runs-to-api-server", "runs-to-quarantine"} <= policies
    return rows


def test_a_network_as_needed_is_fine(on: On, staging: Needs) -> None:
    assert [row.state for row in reached(on, staging)] == ["fine"] * 7


@pytest.mark.parametrize(
    ("changes", "state", "what", "mend"),
    [
        ({"neighbour": {"error": ""}}, "wrong", "NetworkPolicies hold", "enforces NetworkPolicies"),
        ({"free": {"neighbour": {"error": "refused"}}}, "unknown", "NetworkPolicies hold", ""),
        (
            {"registry": {"address": "10.7.0.9", "error": "timed out"}},
            "wrong",
            "runs reach registry at registry.internal:5000",
            "`registry.addresses: [10.7.0.9/32]`",
        ),
        (
            {"forge_git": {"address": "10.199.0.2", "error": "refused"}},
            "wrong",
            "runs reach forge-git at forge.internal:2222",
            "it does not answer pods there",
        ),
        (
            {"forge_api": {"error": "no address: unknown"}},
            "wrong",
            "runs reach forge-api at forge.internal:3000",
            "the cluster's DNS",
        ),
        (
            {"api_server": {"address": "10.96.0.1", "error": "timed out"}},
            "wrong",
            "runs reach api-server at kubernetes.default.svc:443",
            "`cluster.apiServerAddresses`",
        ),
    ],
)
def test_what_is_not_reached_is_named(on: On, staging: Needs, changes: Any, state: str, what: str, mend: str) -> None:
    (row,) = [row for row in reached(on, staging, **changes) if row.state != "fine"]
    assert (row.state, row.what) == (state, what)
    assert mend in row.mend


def test_a_cluster_whose_dns_does_not_answer_is_told_once(on: On, staging: Needs) -> None:
    nameless = {name.replace("-", "_"): {"error": "no address: try again"} for name in REACHED if name != "neighbour"}
    rows = reached(on, staging, **nameless)
    assert [(row.state, row.what) for row in rows] == [
        ("fine", "NetworkPolicies hold"),
        ("wrong", "pods find names under default-deny"),
    ]


def test_the_programs_that_pods_run_are_python() -> None:
    for program in (network._ASK, network._ANSWER):
        compile(program, "probe", "exec")


def test_what_asks_tells_open_from_closed(tmp_path: Any) -> None:
    """The program itself, against a port that is open and one that is not."""
    import os
    import socket
    import subprocess
    import sys

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = server.getsockname()[1], free.getsockname()[1]
        wanted = {"open": ("127.0.0.1", ports[0], True), "shut": ("127.0.0.1", ports[1], False)}
        env = os.environ | {"ASKED": json.dumps(wanted)}
        done = subprocess.run([sys.executable, "-c", network._ASK], env=env, capture_output=True, text=True, timeout=20)
    found = json.loads(done.stdout)
    assert (found["open"]["error"], bool(found["shut"]["error"])) == ("", True)
