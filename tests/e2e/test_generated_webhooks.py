"""A thousand webhook bodies that mean nothing, unsigned, wrongly and rightly signed: no run, and listeners that live on."""

import itertools
import json
import secrets
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.follow import wait_for_run
from local.forge.replay import sign
from tests.e2e.attacks.generated import bodies, nonsense
from tests.e2e.attacks.webhooks import JSON, encode, honest, signed
from tests.e2e.world import World

COUNT = 1000
LISTENERS = {"staging-ci": "eventlistener=chespirito-github-el", "production-ci": "eventlistener=chespirito-github-el"}
INTERCEPTORS = {"tekton-pipelines": "app.kubernetes.io/component=interceptors"}


def _pods(world: World) -> dict[str, int]:
    """What answers webhooks: each pod, and how often it was restarted."""
    found: list[Any] = []
    for namespace, selector in (LISTENERS | INTERCEPTORS).items():
        found += world.kubernetes.core.list_namespaced_pod(namespace, label_selector=selector).items
    return {pod.metadata.name: sum(status.restart_count for status in pod.status.container_statuses) for pod in found}


def test_a_thousand_bodies_that_mean_nothing_start_nothing(world: World) -> None:
    """Bodies are numbered: what a run was started by is found by its pull request's number."""
    pods, before = _pods(world), world.all_runs()
    first = 800_000_000 + secrets.randbelow(1_000_000) * 100
    numbers = itertools.count(first)
    answers: dict[int, int] = {}
    client = httpx.Client(trust_env=False, timeout=30)

    @settings(
        max_examples=COUNT,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def send(data: st.DataObject) -> None:
        number = next(numbers)
        environment = data.draw(st.sampled_from(sorted(world.listeners)))
        how = data.draw(st.sampled_from(["rightly", "rightly", "wrongly", "not"]))
        content = encode(data.draw(nonsense(number) if how == "rightly" else bodies(number)))
        headers = dict(JSON)
        if how != "not":
            secret = world.webhook_secrets[environment] if how == "rightly" else "not-the-secret"
            headers["X-Hub-Signature-256"] = sign(content, secret)
        answer = client.post(world.listeners[environment], content=content, headers=headers)
        answers[number] = answer.status_code
        assert answer.status_code == 202, json.loads(content)

    with client:
        send()
    assert len(answers) >= COUNT
    world.quiet(before)
    assert _pods(world) == pods, "the same pods, none of them started anew"
    _genuine_events_still_work(world, next(numbers))


def _genuine_events_still_work(world: World, number: int) -> None:
    """The control: bodies of the same make, but for what makes them mean nothing."""
    for environment, webhook in (("staging", "opened"), ("production", "closed_merged")):
        request = signed(encode(honest(webhook, number)), world.webhook_secrets[environment])
        httpx.post(world.listeners[environment], content=request.content, headers=dict(request.headers), trust_env=False)
        run = wait_for_run(world.kubernetes, f"{environment}-ci", number)
        metadata = run["metadata"]
        world.kubernetes.custom.delete_namespaced_custom_object(
            "tekton.dev", "v1", metadata["namespace"], "pipelineruns", metadata["name"]
        )
