"""A push to the base branch, which no pull request brought: open pull requests hear of it, and of no other push."""

import copy
import json
import uuid
from collections.abc import Callable

import pytest

from local.follow import follow
from local.forge.client import PullRequest
from local.forge.replay import send
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object, wait_until
from tests.e2e.world import World
from tests.test_routing import push, put

CONTEXT = "tekton-delivery/promotable"


def moves(world: World) -> list[Object]:
    return world.kubernetes.runs("staging-ci", event="base-moved")


def directly(world: World) -> Object:
    """Push to the base branch past all pull requests; the run that tells of it, when it has ended."""
    known = len(moves(world))
    world.machine.forge.developer.commit(REPOSITORY, "main", "In a hurry", {"hurry.txt": uuid.uuid4().hex})
    wait_until(lambda: len(moves(world)) > known, 20, "nothing hears of the push")
    run = moves(world)[-1]
    succeeded, told = follow(world.kubernetes, run, world.log.append)
    assert succeeded, told
    return run


@pytest.fixture(scope="module")
def waiting(world: World) -> PullRequest:
    """A pull request that staging calls promotable."""
    made = world.open({"message.txt": f"Waits {uuid.uuid4().hex}\n"})
    assert world.run("staging", made)[1]
    assert world.status("promotable", made.head_sha)[0] == "success"
    return made


def test_a_direct_push_turns_what_waits_red_and_says_so_once(world: World, waiting: PullRequest) -> None:
    run = directly(world)
    assert "touches the application: yes" in world.logs(run, "base-moved", "moved")
    assert world.status("promotable", waiting.head_sha) == ("failure", "main has moved: update the branch")
    directly(world)
    path = f"/repos/{REPOSITORY}/commits/{waiting.head_sha}/statuses"
    told = list(world.machine.forge.developer.all(path, "read statuses"))
    assert [item["status"] for item in told if item["context"] == CONTEXT].count("failure") == 1


def test_its_pod_has_no_rights_on_the_cluster(world: World, waiting: PullRequest) -> None:
    run = moves(world)[-1]
    (task,) = world.kubernetes.task_runs("staging-ci", run["metadata"]["name"])
    pod = world.kubernetes.core.read_namespaced_pod(task["status"]["podName"], "staging-ci")
    assert pod.spec.service_account_name == "reporter"
    assert [volume.name for volume in pod.spec.volumes if volume.projected] == []


CHANGES: dict[str, Callable[[Object], None]] = {
    "another branch": put("ref", value="refs/heads/release"),
    "a tag": put("ref", value="refs/tags/main"),
    "a deleted branch": put("after", value="0" * 40),
    "another repository": put("repository", "full_name", value="acme/other"),
    "an option for a sha": put("before", value="--upload-pack=id"),
}


def test_no_other_push_starts_anything(world: World, waiting: PullRequest) -> None:
    before, secret = world.all_runs(), world.webhook_secrets["staging"]
    body = push("gitea")
    body["after"] = uuid.uuid4().hex + "0" * 8
    for change in CHANGES.values():
        changed = copy.deepcopy(body)
        change(changed)
        send(json.dumps(changed).encode(), url=world.listeners["staging"], secret=secret, event="push")
    right = json.dumps(body).encode()
    send(right, url=world.listeners["staging"], secret="not-the-secret", event="push")
    send(right, url=world.listeners["production"], secret=world.webhook_secrets["production"], event="push")
    send(right, url=world.listeners["staging"], secret=secret, event="pull_request")
    world.quiet(before)
    for _ in range(2):
        send(right, url=world.listeners["staging"], secret=secret, event="push")
    wait_until(lambda: world.all_runs() != before, 20, "the control: this one starts a run")
    (started,) = world.all_runs() - before
    assert started.startswith(f"chespirito-staging-push-{body['after'][:8]}-")
