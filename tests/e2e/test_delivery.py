"""A pull request's way to staging and to production, and what stops it."""

import secrets

import pytest

from local.forge.setup import REPOSITORY
from local.paths import ROOT
from tests.e2e.world import World


@pytest.mark.parametrize("style", ["merge", "squash"])
def test_a_merged_pull_request_puts_the_staged_digest_into_production(world: World, style: str) -> None:
    message = f"Merged by {style}, {secrets.token_hex(3)}"
    before = _image(world, "production")
    pull_request = world.open({"message.txt": f"{message}\n"})
    _, succeeded, told = world.run("staging", pull_request)
    assert succeeded, told
    world.serves("staging", message)
    staged = world.digest("staging")
    assert world.status("staging", pull_request.head_sha)[0] == "success"
    said = world.comment("staging", pull_request)
    assert "### staging: done" in said
    assert f"| commit | `{pull_request.head_sha}` |\n| digest | `{staged}` |" in said
    assert "| build.test |" in said, "each step with its seconds"
    assert message not in world.page("production"), "production changed before the merge"
    assert _image(world, "production") == before

    merged = world.merge(pull_request, style)
    assert merged.merge_commit_sha != pull_request.head_sha
    run, succeeded, told = world.run("production", pull_request)
    assert succeeded, told
    world.serves("production", message)
    assert world.digest("production") == staged
    assert world.status("production", pull_request.head_sha)[0] == "success"
    assert "### production: done" in world.comment("production", pull_request), "by an account of its own"
    assert world.comment("staging", pull_request) == said
    tasks = {
        item["metadata"]["labels"]["tekton.dev/pipelineTask"]
        for item in world.kubernetes.task_runs("production-ci", run["metadata"]["name"])
    }
    assert tasks == {"promote", "report"}, "production runs nothing that could build"


def test_an_updated_pull_request_is_staged_again(world: World) -> None:
    pull_request = world.open({"message.txt": "First try\n"})
    assert world.run("staging", pull_request)[1]
    sha = world.push(pull_request, {"message.txt": "Second try\n"})
    _, succeeded, told = world.run("staging", pull_request, known=1)
    assert succeeded, told
    world.serves("staging", "Second try")
    assert world.deployment("staging").metadata.annotations["tekton-delivery/commit"] == sha
    said = world.comment("staging", pull_request)
    assert f"| commit | `{sha}` |" in said
    assert pull_request.head_sha not in said


def test_a_pull_request_whose_tests_fail_is_not_deployed_and_says_why(world: World) -> None:
    before = _image(world, "staging")
    pull_request = world.open({"message.txt": "TODO: think of something\n"})
    run, succeeded, told = world.run("staging", pull_request)
    assert not succeeded
    assert "\n  | not ok 2 - the message is finished" in told, "whoever follows it sees why"
    assert _image(world, "staging") == before
    state, description = world.status("staging", pull_request.head_sha)
    assert state == "failure"
    name = run["metadata"]["name"]
    assert description == f'{name}: step test failed (exit code 1); log: "not ok 2 - the message is finished"'
    assert "not ok" in world.logs(run, "build", "test")
    said = world.comment("staging", pull_request)
    assert "### staging: failed" in said
    assert "\nnot ok" in said, "the last lines of what failed"
    assert f"`python -m operate retry staging chespirito {pull_request.number}`" in said


def test_tests_that_take_too_much_memory_say_so_and_what_gives_them_more(world: World) -> None:
    pull_request = world.open({"test.sh": "echo 'well: serves on staging'\nhead -c 3000m /dev/zero | tail\n"})
    run, succeeded, _ = world.run("staging", pull_request)
    assert not succeeded
    state, description = world.status("staging", pull_request.head_sha)
    assert state == "failure"
    why = "step test ran out of memory at 1Gi (build.testResources.memory)"
    assert description.startswith(f"{run['metadata']['name']}: {why}")


def test_an_image_that_never_gets_ready_fails_the_run_and_the_old_version_serves_on(world: World) -> None:
    good = world.open({"message.txt": "The one that works\n"})
    assert world.run("staging", good)[1]
    world.serves("staging", "The one that works")
    before = _image(world, "staging")
    # It passes its tests, which serve from the checkout, and ends at once in its container.
    says = "echo 'Error: no such table: quotes' >&2; exit 3"
    broken = world.open({"Dockerfile": _dockerfile() + f'CMD ["/bin/sh", "-c", "{says}"]\n'})
    run, succeeded, _ = world.run("staging", broken)
    assert not succeeded
    world.serves("staging", "The one that works")
    assert _image(world, "staging") == before
    assert "restored" in world.logs(run, "stage", "stage")
    state, description = world.status("staging", broken.head_sha)
    assert state == "failure"
    reason = 'not ready: ended at its start (exit code 3): "Error: no such table: quotes"; restored sha256:'
    assert description.startswith(reason), "and not only when its minute is over"


def test_closing_unmerged_ships_nothing(world: World) -> None:
    pull_request = world.open({"message.txt": "Not for production\n"})
    assert world.run("staging", pull_request)[1]
    before = _image(world, "production")
    world.machine.forge.developer.close(REPOSITORY, pull_request.number)
    _, succeeded, told = world.run("staging", pull_request, known=1)
    assert succeeded, told  # the control: the event arrived, and took it off staging
    assert world.runs("production", pull_request.number) == []
    assert _image(world, "production") == before


def _image(world: World, environment: str) -> str:
    return str(world.deployment(environment).spec.template.spec.containers[0].image)


def _dockerfile() -> str:
    return (ROOT / "local/chespirito/Dockerfile").read_text()
