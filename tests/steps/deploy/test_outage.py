"""Deploy: an API server that restarts ends no rollout, and whatever ends one leaves no Lease."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from steps.deploy import Delivery, Deploy
from steps.inputs import read
from steps.kubernetes import Access, Kubernetes
from steps.rollout import Rollout, Target
from steps.smoke import Smoke
from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, OLD_NOTES, SHA, deploy, given, reason
from tests.steps.objects import Object, lease
from tests.steps.serving import RefusedError

Answer = Callable[..., Object]


def between(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, said: Callable[[Answer, str, Object], Object]) -> None:
    """Have a test come between the API server and what it answers."""
    real = cluster.answer

    def answer(method: str, path: str, query: dict[str, str], body: Object) -> Object:
        return said(lambda: real(method, path, query, body), method, body)

    monkeypatch.setattr(cluster, "answer", answer)


def away(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, seconds: float, *, once: Callable[[str, Object], bool]) -> None:
    """Answer nothing for a while once something has been asked for."""
    until: list[float] = []

    def said(real: Answer, method: str, body: Object) -> Object:
        if until and time.monotonic() < until[0]:
            raise RefusedError(503, "ServiceUnavailable", "the server is starting")
        try:
            return real()
        finally:
            if not until and once(method, body or {}):
                until.append(time.monotonic() + seconds)

    between(cluster, monkeypatch, said)


def rolled_out(method: str, body: Object) -> bool:
    return method == "PATCH" and "spec" in body


def settled(method: str, body: Object) -> bool:
    return method == "PATCH" and "spec" not in body


def test_a_rollout_outlives_a_restart_of_the_api_server(
    sandbox: Sandbox, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(cluster, monkeypatch, 2.5, once=rolled_out)
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert (cluster.image, cluster.holder) == (NEW, None)


def test_waiting_for_another_deploy_outlives_it(sandbox: Sandbox, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.put("lease.json", lease("another", age=147))
    away(cluster, monkeypatch, 5, once=lambda method, _: method == "GET")
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting for another deploy" in result.out


def test_what_failed_is_taken_back_once_the_api_server_answers_again(
    sandbox: Sandbox, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.behave(refused_notes=("tekton-delivery/history",))
    away(cluster, monkeypatch, 2.5, once=settled)
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert cluster.holder is None
    assert reason(sandbox).endswith(f"denied the request; restored sha256:{'a' * 64}")


def test_a_lost_answer_about_what_is_settled_is_no_failure(
    sandbox: Sandbox, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = []

    def said(real: Answer, method: str, body: Object) -> Object:
        found = real()
        if settled(method, body or {}) and not lost:
            lost.append(found)
            raise ConnectionError
        return found

    between(cluster, monkeypatch, said)
    result = deploy(sandbox)
    assert lost
    assert result.code == 0, result.err
    assert (cluster.image, cluster.holder) == (NEW, None)
    assert reason(sandbox) == f"serves on staging: sha256:{'b' * 64}"


def test_a_change_of_the_lease_meanwhile_does_not_keep_it(
    sandbox: Sandbox, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = []

    def said(real: Answer, method: str, body: Object) -> Object:
        if method == "PUT" and not body["spec"] and not changed:
            changed.append(True)
            now = cluster.get("lease.json")
            cluster.put("lease.json", now | {"metadata": now["metadata"] | {"resourceVersion": "70"}})
        return real()

    between(cluster, monkeypatch, said)
    assert deploy(sandbox).code == 0
    assert changed
    assert cluster.holder is None


def test_whatever_a_way_back_ends_by_the_lease_is_given_back(
    sandbox: Sandbox, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Rollout) -> None:
        raise RuntimeError("broken")

    cluster.behave(refused_notes=("tekton-delivery/history",))
    monkeypatch.setattr(Rollout, "go_back", broken)
    result = deploy(sandbox)
    assert result.code == 1
    assert "denied the request" in result.err
    assert "broken" in result.err
    assert cluster.holder is None
    assert reason(sandbox).endswith(f"denied the request, and taking sha256:{'b' * 64} back failed")


def test_an_error_is_the_reason(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.remove("freeze.json")
    assert deploy(sandbox).code == 1
    assert reason(sandbox) == 'not rolled out: Error from server (NotFound): "freeze" not found'


def test_a_signal_that_comes_after_a_turn_ends_the_step(sandbox: Sandbox, cluster: Cluster) -> None:
    def run(env: Mapping[str, Any]) -> None:
        with Kubernetes(read(Access, env)) as api:
            Deploy(api, read(Target, env), read(Smoke, env)).run(Delivery(image=NEW, commit=SHA))
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)

    assert sandbox.part(run, **given(sandbox)).code == 143
    assert (cluster.image, cluster.holder) == (NEW, None)


@pytest.mark.parametrize("said", ["soon", "", "0", "-5", "\u00b2", "9" * 40])
def test_a_lease_of_which_the_stack_says_nothing_readable_is_not_free(sandbox: Sandbox, cluster: Cluster, said: str) -> None:
    held = lease("another", age=1)
    held["metadata"]["annotations"] = {"tekton-delivery/lease-seconds": said}
    cluster.put("lease.json", held)
    cluster.put("after-lease", {"metadata": {"resourceVersion": "8"}, "spec": {}})
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting for another deploy" in result.out
