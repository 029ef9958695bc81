"""What reaches the listeners from outside. Each refusal has a control that shows that the same request can pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.demo import APPLICATION
from local.follow import follow, wait_for_run
from local.forge.replay import rewrite, send
from local.forge.setup import REPOSITORY
from tests.e2e.stacks import Pulumi, changed
from tests.e2e.world import World, payload

COMMIT = "tekton-delivery/commit"


def _body(world: World, name: str, sha: str, number: int, **changes: object) -> bytes:
    body = rewrite(payload("github", name), repository=REPOSITORY, head_sha=sha, number=number)
    return json.dumps(body | changes).encode()


@pytest.fixture(scope="module")
def staged(world: World) -> tuple[int, str]:
    """A pull request that staging has seen: its number and head."""
    pull_request = world.open({"message.txt": "For webhooks\n"})
    assert world.run("staging", pull_request)[1]
    return pull_request.number, pull_request.head_sha


def test_githubs_own_body_starts_a_run_once(world: World, staged: tuple[int, str]) -> None:
    number, sha = staged
    body = _body(world, "opened", sha, number)
    known = len(world.runs("staging", number))
    for _ in range(2):
        assert send(body, url=world.listeners["staging"], secret=world.webhook_secrets["staging"]).status_code == 202
    run = wait_for_run(world.kubernetes, "staging-ci", number, known=known)
    succeeded, told = follow(world.kubernetes, run, world.log.append)
    assert succeeded, told
    assert len(world.runs("staging", number)) == known + 1, "the redelivery started a second run"


def test_githubs_synchronize_starts_a_run(world: World, staged: tuple[int, str]) -> None:
    number, sha = staged
    known = len(world.runs("staging", number))
    body = rewrite(payload("github", "synchronize"), repository=REPOSITORY, head_sha=sha, number=number)
    body["pull_request"]["updated_at"] = "2026-01-02T03:04:05Z"
    send(json.dumps(body).encode(), url=world.listeners["staging"], secret=world.webhook_secrets["staging"])
    run = wait_for_run(world.kubernetes, "staging-ci", number, known=known)
    assert follow(world.kubernetes, run, world.log.append)[0]


@pytest.mark.parametrize("secret", [None, "not-the-secret", ""], ids=["unsigned", "wrong", "empty"])
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_unsigned_or_wrongly_signed_webhook_starts_nothing(
    world: World, staged: tuple[int, str], environment: str, secret: str | None
) -> None:
    number, sha = staged
    before = world.all_runs()
    name = "opened" if environment == "staging" else "closed_merged"
    send(_body(world, name, sha, number, nonce=secret), url=world.listeners[environment], secret=secret)
    world.quiet(before, seconds=2)


def test_each_environments_secret_opens_its_own_listener_only(world: World, staged: tuple[int, str]) -> None:
    number, sha = staged
    before = world.all_runs()
    send(
        _body(world, "closed_merged", sha, number),
        url=world.listeners["production"],
        secret=world.webhook_secrets["staging"],
    )
    world.quiet(before, seconds=2)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "labeled"},
        {"repository": {"full_name": "acme/other"}},
        {"number": 1, "pull_request": None},
    ],
    ids=["action", "repository", "null"],
)
def test_a_signed_body_about_something_else_starts_nothing(
    world: World, staged: tuple[int, str], change: dict[str, object]
) -> None:
    number, sha = staged
    before = world.all_runs()
    body = json.loads(_body(world, "opened", sha, number))
    for key, value in change.items():
        body[key] = body[key] | value if isinstance(value, dict) else value
    send(json.dumps(body).encode(), url=world.listeners["staging"], secret=world.webhook_secrets["staging"])
    world.quiet(before, seconds=2)


def test_a_closed_but_unmerged_body_promotes_nothing(world: World, staged: tuple[int, str]) -> None:
    number, sha = staged
    before = world.all_runs()
    send(
        _body(world, "closed_unmerged", sha, number),
        url=world.listeners["production"],
        secret=world.webhook_secrets["production"],
    )
    world.quiet(before, seconds=2)


def test_another_repository_of_that_name_starts_nothing(
    world: World, staged: tuple[int, str], pulumi: Pulumi, tmp_path: Path
) -> None:
    """GitHub's body carries another number than the forge's own repository has."""
    number, sha = staged
    mine = world.machine.forge.admin.call("GET", f"/repos/{REPOSITORY}", "read its number")["id"]
    body = json.loads(_body(world, "opened", sha, number))
    body["pull_request"]["updated_at"] = "2026-01-03T03:04:05Z"
    secret = world.webhook_secrets["staging"]

    def pin(settings: dict[str, Any]) -> None:
        settings["applications"][0] |= {
            "repositoryId": mine,
            "fetch": {"depth": 0, "tags": True, "memory": "128Mi"},
            "testCommand": "git describe && sh test.sh",
        }

    tag = {"tag_name": f"v{number}", "target": "main", "message": "for git describe"}
    world.machine.forge.developer.call("POST", f"/repos/{REPOSITORY}/tags", "tag the branch", json=tag)
    with changed(pulumi, tmp_path, pin, "staging"):
        before, known = world.all_runs(), len(world.runs("staging", number))
        assert body["repository"]["id"] != mine
        send(json.dumps(body).encode(), url=world.listeners["staging"], secret=secret)
        world.quiet(before, seconds=2)
        body["repository"]["id"] = mine
        send(json.dumps(body).encode(), url=world.listeners["staging"], secret=secret)
        run = wait_for_run(world.kubernetes, "staging-ci", number, known=known)
        assert follow(world.kubernetes, run, world.log.append)[0], "the control"
        assert f"v{number}-1-g{sha[:7]}" in world.logs(run, "build", "test"), "of its history and tags, as the settings say"


def test_a_fork_starts_nothing(world: World, staged: tuple[int, str]) -> None:
    number, sha = staged
    before = world.all_runs()
    send(_body(world, "fork_opened", sha, number), url=world.listeners["staging"], secret=world.webhook_secrets["staging"])
    world.quiet(before, seconds=2)


def test_webhooks_that_come_after_a_newer_ones_end_their_own_runs_alone(world: World) -> None:
    """That of a push comes after that of the next one, and that it was closed after it was reopened."""
    pull_request = world.open({"message.txt": "Pushed first\n"})
    number, sha = pull_request.number, pull_request.head_sha
    wait_for_run(world.kubernetes, "staging-ci", number)
    newer = world.push(pull_request, {"message.txt": "Pushed last\n"})
    wait_for_run(world.kubernetes, "staging-ci", number, known=1)
    ended = {}
    for second, (name, what, by) in enumerate((("synchronize", sha[:8], newer), ("closed_unmerged", "closed", "reopened"))):
        body = json.loads(_body(world, name, sha, number))
        body["pull_request"]["updated_at"] = f"2026-01-04T03:04:0{second}Z"
        send(json.dumps(body).encode(), url=world.listeners["staging"], secret=world.webhook_secrets["staging"])
        ended[f"{APPLICATION}-staging-{number}-{what}-2026010403040{second}"] = by
    # Within one second several runs may start: they are told apart by what they are called.
    wait_for_run(world.kubernetes, "staging-ci", number, known=3)
    (first,) = (item for item in _runs(world, number).values() if item["metadata"]["labels"].get(COMMIT) == newer)
    succeeded, told = follow(world.kubernetes, first, world.log.append)
    assert succeeded, told
    for name, by in ended.items():
        assert not follow(world.kubernetes, _runs(world, number)[name], world.log.append)[0]
        now = _runs(world, number)[name]
        assert now["spec"]["status"] == "CancelledRunFinally"
        assert now["metadata"]["annotations"]["tekton-delivery/superseded-by"] == by
    assert world.status("staging", sha) == ("failure", f"superseded: the head of the pull request is {newer}")
    assert world.status("staging", newer)[0] == "success"
    assert world.deployment("staging").metadata.annotations["tekton-delivery/commit"] == newer
    world.serves("staging", "Pushed last")


def _runs(world: World, number: int) -> dict[str, Any]:
    return {run["metadata"]["name"]: run for run in world.runs("staging", number)}
