"""A fork's pull request starts nothing; the word of somebody who may write starts its tests, and nothing more."""

import json
import secrets
import uuid
from dataclasses import dataclass

import pytest

from local.forge.client import Gitea, PullRequest
from local.forge.replay import send
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object
from tests.e2e.world import World

STRANGER = "mallory"
CONTEXT = "tekton-delivery/tests"


@dataclass
class Fork:
    """A stranger's fork with a pull request of two commits."""

    stranger: Gitea
    repository: str
    pull_request: PullRequest
    first_sha: str
    head_sha: str


@pytest.fixture(scope="module")
def fork(world: World) -> Fork:
    admin = world.machine.forge.admin
    password = secrets.token_urlsafe(24)
    admin.ensure_user(STRANGER, password)
    admin.ensure_collaborator(REPOSITORY, STRANGER, "read")
    stranger = Gitea(admin.url, user=STRANGER, password=password)
    left_over = f"{STRANGER}/{REPOSITORY.partition('/')[2]}"
    if stranger.find(f"/repos/{left_over}", "look for a fork of a run that was ended"):
        stranger.delete_repository(left_over)
    repository = stranger.fork(REPOSITORY)
    before = world.all_runs()
    branch = f"greeting-{uuid.uuid4().hex[:8]}"
    stranger.commit(repository, branch, "Greet", {"message.txt": "From afar\n"}, base="main")
    opened = stranger.open_pull_request(REPOSITORY, f"{STRANGER}:{branch}", "Greet")
    head = stranger.commit(repository, branch, "Greet more", {"message.txt": "From further\n"})
    world.quiet(before)
    return Fork(stranger, repository, opened, opened.head_sha, head)


def said(world: World, by: Gitea, fork: Fork, text: str) -> tuple[Object, set[str]]:
    """The run that a comment starts, when it has ended, and the tasks that it ran."""
    known = len(world.runs("staging", fork.pull_request.number))
    by.comment(REPOSITORY, fork.pull_request.number, text)
    run, succeeded, told = world.run("staging", fork.pull_request, known=known)
    assert succeeded, told
    tasks = world.kubernetes.task_runs("staging-ci", run["metadata"]["name"])
    return run, {task["metadata"]["labels"]["tekton.dev/pipelineTask"] for task in tasks}


def statuses(world: World, sha: str) -> dict[str, str]:
    found = world.machine.forge.developer.statuses(REPOSITORY, sha)
    return {context: status.state for context, status in found.items()}


def test_a_strangers_word_is_looked_up_and_starts_nothing(world: World, fork: Fork) -> None:
    run, tasks = said(world, fork.stranger, fork, f"/ok-to-test {fork.head_sha}")
    assert tasks == {"permit"}
    assert "no: refused: mallory may not write" in world.logs(run, "permit", "permit")
    assert statuses(world, fork.head_sha) == {}


def test_other_words_start_nothing(world: World, fork: Fork) -> None:
    before, developer = world.all_runs(), world.machine.forge.developer
    for text in ("/ok-to-test", f"/ok-to-test {fork.head_sha[:12]}", f"Fine.\n/ok-to-test {fork.head_sha}"):
        developer.comment(REPOSITORY, fork.pull_request.number, text)
    world.quiet(before)


def test_a_writers_word_about_an_older_commit_is_refused_and_says_what_to_do(world: World, fork: Fork) -> None:
    _, tasks = said(world, world.machine.forge.developer, fork, f"/ok-to-test {fork.first_sha}")
    assert tasks == {"permit", "report-tests"}
    assert statuses(world, fork.first_sha) == {CONTEXT: "failure"}
    assert fork.head_sha in world.machine.forge.developer.statuses(REPOSITORY, fork.first_sha)[CONTEXT].description
    assert statuses(world, fork.head_sha) == {}


def test_a_writers_word_starts_the_tests_and_nothing_more(world: World, fork: Fork) -> None:
    (before,) = world.deployment("staging").spec.template.spec.containers
    run, tasks = said(world, world.machine.forge.developer, fork, f"/ok-to-test {fork.head_sha}")
    assert tasks == {"permit", "tests", "report-tests"}
    assert f"fetched {fork.head_sha}: Greet more" in world.logs(run, "tests", "fetch")
    assert statuses(world, fork.head_sha) == {CONTEXT: "success"}
    (after,) = world.deployment("staging").spec.template.spec.containers
    assert after.image == before.image


def test_a_comment_without_a_signature_starts_nothing(world: World, fork: Fork) -> None:
    before, number = world.all_runs(), fork.pull_request.number
    user = {"login": "alice", "id": 1}
    body = {
        "action": "created",
        "repository": {"full_name": REPOSITORY},
        "issue": {"number": number, "state": "open", "pull_request": {}},
        "comment": {"id": 10**9, "user": user, "body": f"/ok-to-test {fork.head_sha}", "created_at": "2026-01-02T03:04:05Z"},
        "sender": user,
    }
    for secret in (None, "not-the-secret"):
        send(json.dumps(body).encode(), url=world.listeners["staging"], secret=secret, event="issue_comment")
    world.quiet(before, seconds=2)
    known = len(world.runs("staging", number))
    secret = world.webhook_secrets["staging"]
    send(json.dumps(body).encode(), url=world.listeners["staging"], secret=secret, event="issue_comment")
    run, succeeded, _ = world.run("staging", fork.pull_request, known=known)
    assert succeeded, "the control"
    told = world.logs(run, "permit", "permit")
    assert "no: refused: the forge has no comment of alice there" in told, "who has the secret has written nothing"


def test_a_fork_that_is_gone_crashes_nothing(world: World, fork: Fork) -> None:
    before = world.all_runs()
    fork.stranger.delete_repository(fork.repository)
    world.machine.forge.developer.close(REPOSITORY, fork.pull_request.number)
    world.quiet(before)
    for environment in world.listeners:
        assert world.kubernetes.deployment_ready(f"{environment}-ci", "el-chespirito-github-el")
