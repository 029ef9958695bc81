"""Altered, replayed and forged webhooks: none of them starts anything."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pytest

from local.kubernetes_api import Object, wait_until
from tests.e2e.attacks.webhooks import SIGNED, UNSIGNED, Attempt, encode, honest, signed
from tests.e2e.world import World

ATTEMPTS = {**UNSIGNED, **SIGNED}
# The honest bodies that the attempts are made of, and where each starts a run.
HONEST = {"staging": "opened", "production": "closed_merged"}
# Runs that do start were there 0.2 to 0.6 s after their webhook.
QUIET_SECONDS = 4.0


@dataclass(frozen=True)
class Outcome:
    """What all attempts together led to."""

    answers: Mapping[str, int]
    numbers: Mapping[str, int]
    """The pull request that an attempt spoke of."""
    started: list[Object]
    controls: Mapping[str, Object]
    """By environment: the run that an honest body started, sent after all attempts."""


@pytest.fixture(scope="module")
def outcome(world: World) -> Outcome:
    """Send everything, one after the other, then what does start runs, and see which runs are new."""
    before = world.all_runs()
    first = 700_000_000 + secrets.randbelow(1_000_000) * 100
    numbers = {name: first + index for index, name in enumerate([*ATTEMPTS, *HONEST])}
    answers = {name: _send(world, attempt, numbers[name]) for name, attempt in ATTEMPTS.items()}
    time.sleep(QUIET_SECONDS)
    started = [run for run in _runs(world) if run["metadata"]["name"] not in before]
    controls = {}
    for environment, webhook in HONEST.items():
        number = numbers[environment]
        request = signed(encode(honest(webhook, number)), world.webhook_secrets[environment])
        httpx.post(world.listeners[environment], content=request.content, headers=dict(request.headers), trust_env=False)
        wait_until(lambda e=environment, n=number: world.runs(e, n), 20, "the honest body started nothing")  # type: ignore[misc]
        (controls[environment],) = world.runs(environment, number)
    for run in [*started, *controls.values()]:  # they speak of a commit that is not there
        metadata = run["metadata"]
        world.kubernetes.custom.delete_namespaced_custom_object(
            "tekton.dev", "v1", metadata["namespace"], "pipelineruns", metadata["name"]
        )
    return Outcome(answers, numbers, started, controls)


def _runs(world: World) -> list[Object]:
    return [run for environment in HONEST for run in world.kubernetes.runs(f"{environment}-ci")]


def _send(world: World, attempt: Attempt, number: int) -> int:
    request = attempt.make(honest(attempt.webhook, number), world.webhook_secrets[attempt.environment])
    url = world.listeners[attempt.environment] + request.path
    answer = httpx.request(
        request.method, url, content=request.content, headers=dict(request.headers), timeout=30, trust_env=False
    )
    return answer.status_code


def test_the_honest_bodies_start_runs(outcome: Outcome) -> None:
    """The control of every attempt: what they are made of works, and a listener that got them all still does."""
    events = {name: run["metadata"]["labels"]["tekton-delivery/event"] for name, run in outcome.controls.items()}
    assert events == {"staging": "pull-request", "production": "merge"}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_nothing_else_starts_anything(outcome: Outcome, name: str) -> None:
    assert outcome.answers[name] in ATTEMPTS[name].answers
    number = str(outcome.numbers[name])
    of_this_one = [run for run in outcome.started if number in str(run["metadata"])]
    assert [run["metadata"]["name"] for run in of_this_one] == []


def test_no_run_of_any_name_was_started(outcome: Outcome) -> None:
    assert [run["metadata"]["name"] for run in outcome.started] == []
