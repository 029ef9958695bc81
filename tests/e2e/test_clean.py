"""What a rejected pull request left in the registries goes, and what others need stays."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local.cluster.names import QUARANTINE, REGISTRY
from local.demo import APPLICATION
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object
from tests.e2e.attacks.registry import Login, RefusedError
from tests.e2e.attacks.webhooks import encode, honest, signed
from tests.e2e.world import World

Delivered = Callable[[str], tuple[PullRequest, str]]


@pytest.fixture
def registry(world: World, tmp_path: Path) -> Login:
    return Login(world.machine, tmp_path, REGISTRY, "platform")


@pytest.fixture
def delivered(world: World, registry: Login) -> Delivered:
    """Take a pull request to staging: what it is, and the image's digest."""

    def made(message: str) -> tuple[PullRequest, str]:
        pull_request = world.open({"message.txt": f"{message}\n"})
        _, succeeded, told = world.run("staging", pull_request)
        assert succeeded, told
        digest = world.digest("staging")
        assert there(registry, copied(pull_request, digest)), "the control: the step that copies tags it so"
        return pull_request, digest

    return made


def copied(pull_request: PullRequest, digest: str) -> str:
    return f"{pull_request.head_sha}-{pull_request.number}-{digest[7:19]}"


def rejected(world: World, pull_request: PullRequest) -> tuple[Object, str]:
    """Close a pull request, and wait until its way back has ended: the run and what cleaned up says."""
    known = len(world.runs("staging", pull_request.number))
    world.machine.forge.developer.close(REPOSITORY, pull_request.number)
    run = wait_for_run(world.kubernetes, "staging-ci", pull_request.number, known=known)
    succeeded, message = follow(world.kubernetes, run, world.log.append)
    assert succeeded, message
    return run, world.logs(run, "clean", "clean")


def there(login: Login, reference: str) -> bool:
    try:
        login.crane("digest", login.image(APPLICATION, reference))
    except RefusedError as error:
        if "unauthorized" in str(error).lower():
            raise
        return False
    return True


def tags(login: Login) -> list[str]:
    return login.crane("ls", f"{login.address}/{APPLICATION}").split()


def test_what_a_rejected_pull_request_left_is_deleted(
    world: World, registry: Login, delivered: Delivered, tmp_path: Path
) -> None:
    open_one, needed = delivered("Stays open while another one is rejected")
    gone, digest = delivered("To be rejected and deleted")
    assert needed != digest
    quarantine = Login(world.machine, tmp_path, QUARANTINE, "platform")
    marks = registry.marks_of(APPLICATION, digest)
    for login, reference in ((registry, digest), (registry, marks), (registry, gone.head_sha), (quarantine, digest)):
        assert there(login, reference), "the control"
    _, said = rejected(world, gone)
    assert f"deleted: {digest}" in said
    for login, reference in ((registry, digest), (registry, marks), (registry, gone.head_sha), (quarantine, digest)):
        assert not there(login, reference), reference
    assert not [tag for tag in tags(registry) if gone.head_sha in tag]
    assert world.digest("staging") == needed
    for reference in (needed, open_one.head_sha, registry.marks_of(APPLICATION, needed)):
        assert there(registry, reference), reference


def test_what_another_pull_request_has_as_well_stays(world: World, registry: Login, delivered: Delivered) -> None:
    other, _ = delivered("Has the same image, says its tag")
    gone, digest = delivered("To be rejected with an image that another one has")
    registry.tag(APPLICATION, digest, copied(other, digest))
    _, said = rejected(world, gone)
    assert f"stays: {digest}, which another pull request has as well" in said
    assert there(registry, digest)


def test_what_was_merged_stays_whatever_an_event_says(world: World, registry: Login, delivered: Delivered) -> None:
    """One that comes late, or that somebody sends who has the webhook's secret."""
    merged, digest = delivered("Merged, and rejected by nobody")
    world.merge(merged)
    _, succeeded, told = world.run("production", merged)
    assert succeeded, told
    known = len(world.runs("staging", merged.number))
    request = signed(encode(honest("closed_unmerged", merged.number)), world.webhook_secrets["staging"])
    httpx.post(world.listeners["staging"], content=request.content, headers=dict(request.headers), trust_env=False)
    run = wait_for_run(world.kubernetes, "staging-ci", merged.number, known=known)
    assert not follow(world.kubernetes, run, world.log.append)[0]
    ended = world.kubernetes.run("staging-ci", run["metadata"]["name"])
    assert ended["metadata"]["annotations"]["tekton-delivery/superseded-by"] == "reopened", (
        "it ends before anything is undone"
    )
    tasks = world.kubernetes.task_runs("staging-ci", run["metadata"]["name"])
    assert [task["metadata"]["labels"]["tekton.dev/pipelineTask"] for task in tasks] == ["supersede"]
    assert there(registry, digest)
    assert world.digest("production") == digest


def test_without_the_right_to_delete_the_way_back_is_done_all_the_same(
    world: World, registry: Login, delivered: Delivered, request: pytest.FixtureRequest
) -> None:
    _, before = delivered("Comes back though nothing can be deleted")
    gone, digest = delivered("To be rejected where nothing is deleted")
    core = world.kubernetes.core
    secret = core.read_namespaced_secret("registry-delete", "staging-ci")
    restored = {"data": dict(secret.data)}
    reader = core.read_namespaced_secret("registry-pull", "staging-ci")
    request.addfinalizer(lambda: core.patch_namespaced_secret("registry-delete", "staging-ci", restored))
    core.patch_namespaced_secret("registry-delete", "staging-ci", {"data": dict(reader.data)})
    _, said = rejected(world, gone)
    assert f"left as it is: {digest}:" in said
    assert "UNAUTHORIZED" in said
    assert there(registry, digest)
    assert world.digest("staging") == before
