"""Gitea's AGit: who may only read pushes for review. Nothing of it is delivered; the word of a writer starts its tests."""

import secrets
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from local.forge.client import Gitea, PullRequest
from local.forge.setup import REPOSITORY
from tests.e2e.world import World

READER = "rita"
CONTEXT = "tekton-delivery/tests"


@dataclass
class Review:
    """A reader's clone, and the pull request that they pushed from it."""

    folder: Path
    url: str
    pull_request: PullRequest

    def push(self, message: str) -> str:
        """Push another commit to the same review; its sha."""
        return push(self.folder, self.url, message)


def git(folder: Path, *arguments: str) -> str:
    who = {"NAME": READER, "EMAIL": f"{READER}@forge.internal"}
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env | people, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def push(folder: Path, url: str, message: str) -> str:
    (folder / "message.txt").write_text(message)
    git(folder, "commit", "--quiet", "--all", "--message", "Greet")
    git(folder, "push", "--quiet", url, "HEAD:refs/for/main", "-o", "topic=greeting", "-o", "title=Greet")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def review(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    admin, password = world.machine.forge.admin, secrets.token_urlsafe(24)
    admin.ensure_user(READER, password)
    admin.ensure_collaborator(REPOSITORY, READER, "read")
    folder = tmp_path_factory.mktemp("agit")
    url = f"{admin.url}/{REPOSITORY}.git".replace("://", f"://{READER}:{quote(password)}@")
    git(folder, "clone", "--quiet", url, ".")
    known = {found.number for found in admin.pull_requests(REPOSITORY)}
    before = world.all_runs()
    push(folder, url, f"Pushed for review {uuid.uuid4().hex}\n")
    (opened,) = [found for found in admin.pull_requests(REPOSITORY) if found.number not in known]
    world.quiet(before)
    yield Review(folder, url, opened)
    if admin.pull_request(REPOSITORY, opened.number).state == "open":
        admin.close(REPOSITORY, opened.number)


def statuses(world: World, sha: str) -> dict[str, str]:
    found = world.machine.forge.developer.statuses(REPOSITORY, sha)
    return {context: status.state for context, status in found.items()}


def test_the_control_a_writers_branch_is_delivered(world: World) -> None:
    assert world.run("staging", world.open({"message.txt": "Of a branch\n"}))[1]


def test_nothing_that_a_reader_pushes_is_delivered(world: World, review: Review) -> None:
    before, developer, number = world.all_runs(), world.machine.forge.developer, review.pull_request.number
    sha = review.push(f"More of it {uuid.uuid4().hex}\n")
    assert developer.pull_request(REPOSITORY, number).head_sha == sha
    developer.edit(REPOSITORY, number, title="WIP: Greet")
    developer.edit(REPOSITORY, number, title="Greet")
    developer.close(REPOSITORY, number)
    developer.reopen(REPOSITORY, number)
    world.quiet(before)
    assert statuses(world, sha) == {}


def _said(world: World, by: Gitea, review: Review, text: str) -> set[str]:
    """The tasks of the run that a comment starts, when it has ended well."""
    known = len(world.runs("staging", review.pull_request.number))
    by.comment(REPOSITORY, review.pull_request.number, text)
    run, succeeded, told = world.run("staging", review.pull_request, known=known)
    assert succeeded, told
    tasks = world.kubernetes.task_runs("staging-ci", run["metadata"]["name"])
    return {task["metadata"]["labels"]["tekton.dev/pipelineTask"] for task in tasks}


def test_a_writers_word_starts_its_tests_and_nothing_more(world: World, review: Review) -> None:
    serves = world.digest("staging")
    head = world.machine.forge.developer.pull_request(REPOSITORY, review.pull_request.number).head_sha
    tasks = _said(world, world.machine.forge.developer, review, f"/ok-to-test {head}")
    assert tasks == {"permit", "tests", "report-tests"}
    assert statuses(world, head) == {CONTEXT: "success"}
    assert world.digest("staging") == serves


def images(world: World) -> list[str]:
    """What each environment runs; production may have had no delivery yet."""
    return [world.deployment(environment).spec.template.spec.containers[0].image for environment in world.listeners]


def test_its_merge_is_a_forks_merge(world: World, review: Review) -> None:
    """Nothing is promoted, and nothing goes back."""
    serves = images(world)
    before = world.all_runs()
    world.merge(review.pull_request)
    time.sleep(4)
    assert {run.split("-")[2] for run in world.all_runs() - before} <= {"push"}, "the base branch's move, and nothing else"
    assert images(world) == serves
