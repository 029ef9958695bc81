"""A pull request's life on the cluster: a draft waits, a changed base branch takes it off staging and brings it back."""

import pytest

from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from tests.e2e.world import World

OTHER = "e2e-other-base"


@pytest.fixture(scope="module", autouse=True)
def other_branch(world: World) -> None:
    """A branch that nothing is delivered from."""
    developer = world.machine.forge.developer
    if developer.find(f"/repos/{REPOSITORY}/branches/{OTHER}", f"find {OTHER}") is None:
        names = {"new_branch_name": OTHER, "old_branch_name": "main"}
        developer.call("POST", f"/repos/{REPOSITORY}/branches", f"create {OTHER}", json=names)


def image(world: World) -> str:
    """What staging runs; before anything was delivered that is no image of the application."""
    (container,) = world.deployment("staging").spec.template.spec.containers
    return str(container.image)


@pytest.fixture(scope="module")
def ready(world: World) -> tuple[PullRequest, str]:
    """A pull request that was a draft, and what staging served before."""
    former, before = image(world), world.all_runs()
    draft = world.open({"message.txt": "Drafted\n"}, "WIP: Say it")
    world.push(draft, {"message.txt": "Drafted and pushed\n"})
    world.quiet(before)
    world.machine.forge.developer.edit(REPOSITORY, draft.number, title="Say it")
    _, succeeded, told = world.run("staging", draft)
    assert succeeded, told
    return draft, former


def test_a_draft_waits_until_it_is_ready(world: World, ready: tuple[PullRequest, str]) -> None:
    world.serves("staging", "Drafted and pushed")


def test_it_said_at_once_that_its_run_had_started(world: World, ready: tuple[PullRequest, str]) -> None:
    draft, _ = ready
    developer = world.machine.forge.developer
    sha = developer.pull_request(REPOSITORY, draft.number).head_sha
    found = developer.all(f"/repos/{REPOSITORY}/commits/{sha}/statuses", f"list statuses of {sha}", {"sort": "oldest"})
    states = [status["status"] for status in found if status["context"] == "tekton-delivery/staging"]
    assert states == ["pending", "success"]


def test_editing_its_words_starts_nothing(world: World, ready: tuple[PullRequest, str]) -> None:
    draft, _ = ready
    before = world.all_runs()
    for changes in ({"title": "Say it twice"}, {"body": "At length"}, {"title": "WIP: Say it"}):
        world.machine.forge.developer.edit(REPOSITORY, draft.number, **changes)
    world.quiet(before)
    world.serves("staging", "Drafted and pushed")


def test_moved_to_another_branch_it_leaves_staging_and_moved_back_it_returns(
    world: World, ready: tuple[PullRequest, str]
) -> None:
    draft, former = ready
    developer = world.machine.forge.developer
    developer.edit(REPOSITORY, draft.number, base=OTHER)
    _, succeeded, told = world.run("staging", draft, known=1)
    assert succeeded, told
    assert image(world) == former

    before = world.all_runs()
    developer.edit(REPOSITORY, draft.number, title="Say it")
    world.quiet(before, seconds=2)
    developer.edit(REPOSITORY, draft.number, base="main")
    _, succeeded, told = world.run("staging", draft, known=2)
    assert succeeded, told
    world.serves("staging", "Drafted and pushed")
    developer.close(REPOSITORY, draft.number)
    assert world.run("staging", draft, known=3)[1]
    assert image(world) == former
