"""What people do by hand, with the rights that docs/operating.md lists: holds, rollbacks, freezes, approvals."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from local.demo import APPLICATION, DEPLOYMENT
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object, wait_until
from tests.e2e.people import Person, people
from tests.e2e.stacks import Pulumi, altered
from tests.e2e.world import World

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def crew(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Person]]:
    """ana operates, bob approves, eve would like to."""
    with people(world, tmp_path_factory.mktemp("people"), operators=["ana"], others=["bob", "eve"]) as made:
        yield made


@pytest.fixture
def ana(crew: dict[str, Person]) -> Person:
    return crew["ana"]


@pytest.fixture(autouse=True)
def nothing_stays_held(world: World) -> Iterator[None]:
    yield
    for environment in ("staging", "production"):
        for kind, body in (
            ("deployment", {"metadata": {"annotations": {"tekton-delivery/hold": None}}}),
            ("config_map", {"data": {"frozen": None}}),
        ):
            api, name = (world.kubernetes.apps, DEPLOYMENT) if kind == "deployment" else (world.kubernetes.core, "freeze")
            getattr(api, f"patch_namespaced_{kind}")(name, environment, body)


def ends(world: World, environment: str, pull_request: PullRequest, known: int = 0) -> tuple[Object, bool]:
    run, succeeded, _ = world.run(environment, pull_request, known)
    return run, succeeded


def image(world: World, pull_request: PullRequest) -> Object:
    """The change that rolls out the image that was built for a pull request's head."""
    (digest,) = [
        result["value"]
        for run in world.runs("staging", pull_request.number)
        for task in world.kubernetes.task_runs("staging-ci", run["metadata"]["name"])
        for result in task["status"].get("results", [])
        if result["name"] == "digest"
    ]
    container = {"name": "app", "image": f"registry.internal:5000/chespirito@{digest}"}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def test_staging_is_held_for_one_pull_request_and_others_queue_and_say_so(
    world: World, ana: Person, capsys: Capture
) -> None:
    mine = world.open({"message.txt": "Tested by hand\n"})
    assert ends(world, "staging", mine)[1]
    served = world.digest("staging")
    code, said = ana.operate(
        capsys, "hold", "staging", APPLICATION, "--pull-request", str(mine.number), "--reason", "by hand"
    )
    assert code == 0, said
    other = world.open({"message.txt": "Has to wait\n"})
    run, succeeded = ends(world, "staging", other)
    assert not succeeded
    assert world.digest("staging") == served
    state, description = world.status("staging", other.head_sha)
    assert state == "pending"
    assert description == f"queued: staging is held for #{mine.number} by {ana.user}: by hand"
    assert "tekton-delivery/promotable" not in world.machine.forge.developer.statuses(REPOSITORY, other.head_sha)

    deployer: Any = client.AppsV1Api(world.as_account("staging-ci", "deployer"))
    for annotations in ({"tekton-delivery/hold": None}, {"tekton-delivery/hold": "{}"}):
        with pytest.raises(client.ApiException) as refused:
            deployer.patch_namespaced_deployment(DEPLOYMENT, "staging", {"metadata": {"annotations": annotations}})
        assert "neither sets nor lifts a hold" in refused.value.body

    with pytest.raises(client.ApiException) as refused:
        # Not the token of a pod of that pull request's own run.
        deployer.patch_namespaced_deployment(DEPLOYMENT, "staging", image(world, other))
    assert "leaves the image of a held Deployment alone" in str(refused.value.body)
    world.push(mine, {"message.txt": "Tested by hand once more\n"})
    assert ends(world, "staging", mine, known=1)[1]
    world.serves("staging", "Tested by hand once more")

    code, said = ana.operate(capsys, "lift", "staging", APPLICATION)
    assert code == 0, said
    again, succeeded = ends(world, "staging", other, known=1)
    assert f"started {again['metadata']['name']}" in said
    assert succeeded
    assert again["metadata"]["annotations"]["tekton-delivery/retry-of"] == run["metadata"]["name"]
    world.serves("staging", "Has to wait")
    assert world.status("staging", other.head_sha)[0] == "success"

    # Closing it while the environment is frozen takes nothing off staging before the end of the freeze.
    served = world.digest("staging")
    assert ana.operate(capsys, "freeze", "staging", "--reason", "a demonstration")[0] == 0
    world.machine.forge.developer.close(REPOSITORY, other.number)
    _, succeeded = ends(world, "staging", other, known=2)
    assert not succeeded
    assert world.digest("staging") == served
    code, said = ana.operate(capsys, "unfreeze", "staging")
    assert code == 0, said
    assert "started" in said
    assert ends(world, "staging", other, known=3)[1]
    world.serves("staging", "Tested by hand once more")


@pytest.fixture
def two_in_production(world: World) -> None:
    """Production has served two images at least whose runs are left: what they were given is what a rollback has proven."""
    for number in range(2):
        record = json.loads((world.deployment("production").metadata.annotations or {}).get("tekton-delivery/history", "[]"))
        if len({entry["image"] for entry in record if entry.get("run") in world.all_runs()}) > 1:
            return
        pull_request = world.open({"message.txt": f"Delivered to go back to {number}\n"})
        assert ends(world, "staging", pull_request)[1]
        world.merge(pull_request)
        assert ends(world, "production", pull_request)[1]


@pytest.fixture
def asking(world: World, pulumi: Pulumi, crew: dict[str, Person], tmp_path: Path) -> Iterator[None]:
    """Production asks bob before it rolls out."""

    def approval(config: dict[str, Any]) -> None:
        config["environments"][0]["approval"] = {"users": [crew["bob"].user], "timeout": "2h"}

    def up(change: Callable[[dict[str, Any]], None]) -> None:
        file = altered("production", tmp_path, change)
        pulumi("up", "--stack", "production", "--yes", "--skip-preview", "--config-file", str(file))

    core = world.kubernetes.core
    core.patch_namespaced_config_map(
        "freeze", "production", {"data": {"frozen": '{"by": "a", "reason": "b", "since": "c"}'}}
    )
    try:
        up(approval)
        switch = core.read_namespaced_config_map("freeze", "production")
        assert "frozen" in (switch.data or {}), "`pulumi up` has ended a freeze"
        core.patch_namespaced_config_map("freeze", "production", {"data": {"frozen": None}})
        yield
    finally:
        up(lambda config: None)


def test_production_is_rolled_back_and_held_until_people_let_the_next_merge_ship(
    world: World, crew: dict[str, Person], capsys: Capture, two_in_production: None, asking: None
) -> None:
    ana, bob, eve = crew["ana"], crew["bob"], crew["eve"]
    bad = world.digest("production")
    code, said = ana.operate(capsys, "rollback", "production", APPLICATION, "--reason", "it is slow")
    assert code == 0, said
    good = world.digest("production")
    assert good != bad
    _, told = ana.operate(capsys, "history", "production", APPLICATION, "--json")
    history = json.loads(told)
    assert history["running"].endswith(good)
    assert history["served"][0]["rolledBackBy"] == ana.user
    assert history["served"][0]["mark"]["environment"] == "staging"
    assert history["served"][1]["image"].endswith(bad)
    assert history["hold"]["reason"] == "rolled back: it is slow"

    pull_request = world.open({"message.txt": "Waits for people\n"})
    assert ends(world, "staging", pull_request)[1]
    world.merge(pull_request)
    _approve(world, capsys, pull_request, bob, eve)
    _, succeeded = ends(world, "production", pull_request)
    assert not succeeded
    assert world.digest("production") == good, "nothing redoes what was rolled back, and nothing new ships"
    assert world.status("production", pull_request.head_sha) == (
        "pending",
        f"queued: production is held by {ana.user}: rolled back: it is slow",
    )

    assert ana.operate(capsys, "freeze", "production")[0] == 0
    code, said = ana.operate(capsys, "lift", "production", APPLICATION)
    assert code == 0, said
    assert "started" not in said, "it is still frozen"
    code, said = ana.operate(capsys, "unfreeze", "production")
    assert "started" in said, said
    # The digest is approved already.
    _, succeeded = ends(world, "production", pull_request, known=1)
    assert succeeded
    world.serves("production", "Waits for people")
    (latest, *_) = json.loads(ana.operate(capsys, "history", "production", APPLICATION, "--json")[1])["served"]
    assert latest["approvedBy"] == [bob.user]

    code, said = ana.operate(capsys, "retry", "production", APPLICATION, str(pull_request.number))
    assert code == 0, said
    again = wait_for_run(world.kubernetes, "production-ci", pull_request.number, known=2)
    assert follow(world.kubernetes, again, world.log.append)[0]


def _approve(world: World, capsys: Capture, pull_request: PullRequest, bob: Person, eve: Person) -> None:
    """See who may approve a waiting merge, and let bob do it."""
    key = f"tekton-delivery/awaits-approval-{pull_request.number}"

    def noted() -> str | None:
        found: str | None = (world.deployment("production").metadata.annotations or {}).get(key)
        return found

    wait_until(noted, 60, "the merge does not wait for approval")
    waiting = json.loads(noted() or "")
    # Beside the two hours: half an hour, the mark's minute, and four times a rollout of a minute with the way back.
    (task_run,) = [
        item
        for item in world.kubernetes.task_runs("production-ci", waiting["run"])
        if item["metadata"]["name"] == waiting["taskRun"]
    ]
    assert task_run["spec"]["timeout"] == "2h41m0s"
    told = f"waits for 1 of {bob.user} to approve, up to 2h"
    assert world.status("production", pull_request.head_sha) == ("pending", told)
    code, said = eve.operate(capsys, "approve", "production", APPLICATION)
    assert code == 1
    assert "forbidden" in said, "she has no rights at all"
    body = {
        "metadata": {"name": "forged", "labels": {"tekton-delivery/approval": DEPLOYMENT}},
        "immutable": True,
        "data": {"digest": waiting["digest"], "approver": bob.user},
    }
    # Not even an administrator approves for somebody else, and bob only as himself.
    for api, approver, says in (
        (world.kubernetes.api, bob.user, "approvals are given by"),
        (bob.api, eve.user, "in the own name"),
    ):
        forged = body | {"data": body["data"] | {"approver": approver}}  # type: ignore[operator]
        with pytest.raises(client.ApiException) as refused:
            client.CoreV1Api(api).create_namespaced_config_map("production-ci", forged)
        assert says in str(refused.value.body)
    code, said = bob.operate(capsys, "approve", "production", APPLICATION, str(pull_request.number))
    assert code == 0, said
    (given,) = [
        item
        for item in world.kubernetes.core.list_namespaced_config_map("production-ci").items
        if (item.data or {}).get("digest") == waiting["digest"]
    ]
    with pytest.raises(client.ApiException) as refused:
        world.kubernetes.core.patch_namespaced_config_map(
            given.metadata.name, "production-ci", {"metadata": {"labels": {"tekton-delivery/approval": "other"}}}
        )
    assert "an approval never changes" in str(refused.value.body)
