"""An API server that is away for a while: what waits for something goes on, and what may have been done is told."""

import argparse
import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from kubernetes import client

from components.conventions import Manifest
from operate import __main__ as command
from operate import approvals, holds, lease, patience, rollback, runs, status
from operate.errors import OperateError
from operate.kubeconfig import UncertainError
from operate.lease import lease as held
from steps import lease as protocol
from steps.workloads import Workload
from tests.operate.cluster import Memory, image, run, served
from tests.operate.test_approvals import production, waiting
from tests.operate.test_rollback import THREE

RESET = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
REFUSED = client.ApiException(status=503, reason="Service Unavailable")
FULL = client.ApiException(status=429, reason="Too Many Requests")
AWAY: list[Exception] = [RESET, REFUSED, FULL, urllib3.exceptions.ReadTimeoutError(None, "", "Read timed out.")]  # type: ignore[arg-type]
KINDS = ["reset", "503", "429", "silent"]


class Clock:
    """Time that passes as somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (patience, runs, lease, rollback, approvals):
        monkeypatch.setattr(module, "time", made)
    return made


def away(
    cluster: Memory,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    seconds: float,
    error: Exception,
    *,
    later: bool = False,
) -> Callable[[], None]:
    """Have a question of a cluster fail for so long: from now on, or `later`, once what is returned is called."""
    real, since = getattr(cluster, name), [] if later else [clock.now]

    def asked(*given: Any, **named: Any) -> Any:
        if since and clock.now < since[0] + seconds:
            clock.now += 1
            raise error
        return real(*given, **named)

    monkeypatch.setattr(cluster, name, asked)
    return lambda: since.append(clock.now)


@pytest.mark.parametrize("error", AWAY, ids=KINDS)
def test_a_run_is_waited_for(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    made = run(3, "12:01:00")
    made["status"] = {"completionTime": "2026-11-22T12:02:00Z", "conditions": [{"status": "True", "message": "done"}]}
    for seconds, ends in ((170, True), (200, False)):
        cluster = Memory("staging")
        cluster.pipeline_runs.append(made)
        away(cluster, clock, monkeypatch, "runs", seconds, error)
        if ends:
            assert runs.await_end(cluster.target, made["metadata"]["name"])["status"] == "True"
        else:
            with pytest.raises(type(error)):
                runs.await_end(cluster.target, made["metadata"]["name"])
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("the cluster does not answer: ")
        assert line.endswith("; it is asked again for 180 s")


@pytest.mark.parametrize(
    "error",
    [
        client.ApiException(status=403, reason="Forbidden"),
        client.ApiException(status=404, reason="Not Found"),
        urllib3.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
    ],
)
def test_what_was_refused_is_not_asked_again(clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    cluster = Memory("staging")
    away(cluster, clock, monkeypatch, "runs", 60, error)
    with pytest.raises(type(error)):
        runs.await_end(cluster.target, "x")
    assert clock.now == 1001


def back(cluster: Memory) -> list[str]:
    said: list[str] = []
    rollback.roll_back(cluster.target, None, "it is slow", said.append)
    return said


def starting(cluster: Memory, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Call something once the Deployment was changed."""
    real = cluster.patch_workload

    def patched(workload: Workload, body: Manifest) -> None:
        real(workload, body)
        then()

    monkeypatch.setattr(cluster, "patch_workload", patched)


@pytest.mark.parametrize("error", AWAY, ids=KINDS)
def test_a_rollback_is_not_taken_back_by_it(clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Its pods had a second to get ready, and nobody saw them meanwhile."""
    cluster = Memory("production", *THREE)
    starting(cluster, monkeypatch, away(cluster, clock, monkeypatch, "workload", 100, error, later=True))
    back(cluster)
    assert cluster.image == image("b")
    assert cluster.held["spec"] == {}


def test_one_whose_pods_do_not_get_ready_afterwards_is(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production", *THREE)
    cluster.broken.add(image("b"))
    starting(cluster, monkeypatch, away(cluster, clock, monkeypatch, "workload", 100, RESET, later=True))
    with pytest.raises(OperateError, match="was not ready within 1 s; restored"):
        back(cluster)
    assert cluster.image == image("c")


def test_an_api_server_that_is_slow_keeps_nobody_waiting_for_ever(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production", *THREE)
    cluster.broken.add(image("b"))
    real, begun = cluster.workload, clock.now

    def slow(workload: Workload) -> Manifest:
        clock.now += 10
        return real(workload)

    monkeypatch.setattr(cluster, "workload", slow)
    with pytest.raises(OperateError, match="was not ready within 1 s; restored"):
        back(cluster)
    assert clock.now - begun < 2 * (patience.SECONDS + 60)


def test_it_is_taken_back_though_nobody_answers_at_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production", *THREE)
    real, answers = cluster.patch_workload, iter([None, RESET, REFUSED, client.ApiException(status=500), None])

    def patched(workload: Workload, body: Manifest) -> None:
        if error := next(answers):
            raise error
        real(workload, body)

    monkeypatch.setattr(cluster, "patch_workload", patched)
    monkeypatch.setattr(rollback, "_served", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        back(cluster)
    assert cluster.image == image("c")
    assert next(answers, "all were asked for") == "all were asked for"


@pytest.mark.parametrize("arrives", [True, False])
def test_a_change_that_was_not_answered_is_made_once(clock: Clock, monkeypatch: pytest.MonkeyPatch, arrives: bool) -> None:
    cluster = Memory("production", *THREE)
    real, asked = cluster.patch_workload, list[Manifest]()

    def patched(workload: Workload, body: Manifest) -> None:
        asked.append(body)
        if len(asked) > 1 or arrives:
            real(workload, body)
        if len(asked) == 1:
            raise UncertainError(RESET, "https://it", "kubectl get it")

    monkeypatch.setattr(cluster, "patch_workload", patched)
    back(cluster)
    assert len(asked) == (1 if arrives else 2)
    assert cluster.image == image("b")
    assert [entry["image"] for entry in json.loads(cluster.notes["tekton-delivery/history"])].count(image("b")) == 2


def test_a_webhook_that_refuses_a_rollback_is_told_at_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production", *THREE)
    begun = clock.now
    away(cluster, clock, monkeypatch, "patch_workload", 60, client.ApiException(status=500, reason="failed calling webhook"))
    with pytest.raises(client.ApiException):
        back(cluster)
    assert clock.now - begun < 2


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lease_is_taken_and_given_back(clock: Clock, monkeypatch: pytest.MonkeyPatch, arrives: bool) -> None:
    """One that was taken without an answer is one's own, and is not waited for."""
    cluster = Memory("production", *THREE)
    real, puts = cluster.replace_lease, list[str]()
    away(cluster, clock, monkeypatch, "lease", 30, RESET)

    def put(environment: str, name: str, body: Manifest) -> None:
        puts.append(protocol.holder(body))
        first = puts.count(puts[-1]) == 1
        if arrives or not first:
            real(environment, name, body)
        if first:
            raise UncertainError(RESET, "https://it", "kubectl get it")

    monkeypatch.setattr(cluster, "replace_lease", put)
    with held(cluster.target, "rollback by ana", 60, print):
        assert protocol.holder(cluster.held) == "rollback by ana"
    assert cluster.held["spec"] == {}
    assert puts == (["rollback by ana", ""] if arrives else ["rollback by ana"] * 2 + [""] * 2)


def test_one_of_the_same_name_is_somebody_else_s(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same person, at another terminal, was faster."""
    cluster = Memory("production", *THREE)
    real, lost = cluster.replace_lease, [RESET]

    def put(environment: str, name: str, body: Manifest) -> None:
        if lost:
            theirs = protocol.taken(cluster.held, "rollback by ana", 7)
            theirs["spec"]["acquireTime"] = "2026-11-22T12:00:00.000000Z"
            real(environment, name, theirs)
            raise lost.pop()
        real(environment, name, body)

    monkeypatch.setattr(cluster, "replace_lease", put)
    said: list[str] = []
    monkeypatch.setattr(lease.protocol, "free_in", lambda found, *_: 0 if said else len(found.get("spec", {})))
    with held(cluster.target, "rollback by ana", 60, said.append):
        assert cluster.held["spec"]["leaseDurationSeconds"] == 60
    assert said == ["waiting for a deploy of production shop to end"]


def test_a_lease_that_cannot_be_given_back_ends_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production", *THREE)
    said: list[str] = []
    with held(cluster.target, "rollback by ana", 60, said.append):
        away(cluster, clock, monkeypatch, "lease", 1000, RESET)
    assert said == ["the Lease of production shop could not be given back: it ends by itself, 60 s after it was taken"]


def test_a_hold_that_was_not_answered_is_taken_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("staging", served("a", 7))
    real, asked = cluster.patch_workload, list[Manifest]()

    def patched(workload: Workload, body: Manifest) -> None:
        asked.append(body)
        real(workload, body)
        raise UncertainError(RESET, "https://it", "kubectl get it")

    monkeypatch.setattr(cluster, "patch_workload", patched)
    holds.take(cluster.target, print, reason=None, pull_request=None)
    assert len(asked) == 1
    assert "tekton-delivery/hold" in cluster.notes


@pytest.mark.parametrize("error", AWAY, ids=KINDS)
def test_an_approval_waits_for_what_its_run_shows(clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    cluster = production(waiting(7))
    away(cluster, clock, monkeypatch, "tekton", 100, error)
    assert approvals.approve(cluster.target, None, None).pull_request == "7"


def test_who_watches_goes_on(clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Memory("staging", served("a", 7))
    away(cluster, clock, monkeypatch, "quota", 100, REFUSED)
    monkeypatch.setattr(status, "_going", lambda *_: [])
    given = argparse.Namespace(environments=["staging"], json=False, watch=True)

    def enough(seconds: float) -> None:
        raise EOFError

    monkeypatch.setattr(command.time, "sleep", enough)
    with pytest.raises(EOFError):
        command.show(given, cluster)
    told = capsys.readouterr()
    assert "staging" in told.out
    assert told.err.count("503 Service Unavailable") == 1
    given.watch, clock.now = False, 1000.0
    with pytest.raises(client.ApiException):
        command.show(given, cluster)
