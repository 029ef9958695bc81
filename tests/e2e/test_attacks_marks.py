"""Forged marks: production believes staging's key, about this repository, commit, digest and tree, and nothing else."""

import secrets
from dataclasses import dataclass, replace

import pytest

from local.cluster.names import REGISTRY
from local.demo import APPLICATION
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from tests.e2e.attacks.marks import Forger, Key, own_key, stagings_key
from tests.e2e.attacks.registry import Login
from tests.e2e.attacks.repository import Clone
from tests.e2e.world import World

NOT_VOUCHED = "staging has not vouched for"


@dataclass(frozen=True)
class Scene:
    """A merge that production has proven, and somebody who can push."""

    forger: Forger
    honest: PullRequest
    digest: str
    own: Key


@pytest.fixture(scope="module")
def scene(world: World, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("marks")
    honest = world.open({"message.txt": "Vouched for\n"})
    assert world.run("staging", honest)[1]
    world.merge(honest)
    assert world.run("production", honest)[1]
    merged = world.machine.forge.developer.pull_request(REPOSITORY, honest.number)
    history = Clone(world.machine, folder / "history")
    history.git("branch", "base", "main")
    forger = Forger(world, Login(world.machine, folder, REGISTRY, "deployer"), history.folder, str(merged.merge_commit_sha))
    return Scene(
        forger, honest, world.digest("production"), own_key(world.machine.folders["cosign"] / "cosign", folder / "own")
    )


def _evil(scene: Scene) -> tuple[str, str]:
    """An image of the attacker's under the tag of a commit that nobody has vouched for: commit and digest."""
    sha = secrets.token_hex(20)
    return sha, scene.forger.login.altered(APPLICATION, scene.digest, sha)


def _mark(scene: Scene, sha: str, digest: str, **changed: str) -> dict[str, str]:
    """What staging would have said."""
    said = {
        "repository": REPOSITORY,
        "headSha": sha,
        "tree": scene.forger.tree(),
        "digest": digest,
        "environment": "staging",
    }
    return said | {"pullRequest": "1", "run": "forged"} | changed


def test_the_honest_mark_is_believed(scene: Scene) -> None:
    assert scene.forger.prove(scene.honest.head_sha) == (scene.digest, "")


def test_a_mark_of_stagings_key_with_every_field_right_is_believed(scene: Scene) -> None:
    """The control of all that follow: what they change in it is what they are refused for."""
    sha, digest = _evil(scene)
    scene.forger.attest(digest, stagings_key(), _mark(scene, sha, digest))
    assert scene.forger.prove(sha) == (digest, "")


def test_an_image_without_a_mark_is_refused(scene: Scene) -> None:
    sha, _ = _evil(scene)
    image, reason = scene.forger.prove(sha)
    assert image == ""
    assert NOT_VOUCHED in reason


def test_a_mark_of_another_key_is_refused(scene: Scene) -> None:
    sha, digest = _evil(scene)
    scene.forger.attest(digest, scene.own, _mark(scene, sha, digest))
    image, reason = scene.forger.prove(sha)
    assert image == ""
    assert NOT_VOUCHED in reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"repository": "acme/other"}, NOT_VOUCHED),
        ({"headSha": "0" * 40}, NOT_VOUCHED),
        ({"digest": f"sha256:{'0' * 64}"}, NOT_VOUCHED),
        ({"environment": "production"}, NOT_VOUCHED),
        ({"tree": "0" * 40}, "main has moved since staging ran this"),
    ],
    ids=["repository", "commit", "digest", "environment", "tree"],
)
def test_a_mark_about_something_else_is_refused(scene: Scene, changed: dict[str, str], reason: str) -> None:
    """Signed by staging's own key: it vouches for other repositories and commits as well."""
    sha, digest = _evil(scene)
    scene.forger.attest(digest, stagings_key(), _mark(scene, sha, digest) | changed)
    image, told = scene.forger.prove(sha)
    assert image == ""
    assert reason in told


def test_a_statement_of_another_type_is_no_mark(scene: Scene) -> None:
    sha, digest = _evil(scene)
    scene.forger.attest(digest, stagings_key(), _mark(scene, sha, digest), kind="https://example.org/mark/v1")
    assert scene.forger.prove(sha)[0] == ""


def test_a_tag_moved_to_an_image_with_a_mark_of_another_commit_is_refused(scene: Scene) -> None:
    sha = secrets.token_hex(20)
    scene.forger.login.tag(APPLICATION, scene.digest, sha)
    image, reason = scene.forger.prove(sha)
    assert image == ""
    assert NOT_VOUCHED in reason


def test_an_honest_mark_that_was_moved_to_another_image_is_refused(scene: Scene) -> None:
    """Who can push can list a mark beside any image."""
    _, digest = _evil(scene)
    login = scene.forger.login
    marks = login.marks_of(APPLICATION, scene.digest)
    login.tag(APPLICATION, marks, digest.replace(":", "-"))
    assert login.digest(APPLICATION, login.marks_of(APPLICATION, digest)) == login.digest(APPLICATION, marks)
    tags = (scene.honest.head_sha, f"{scene.honest.head_sha}-staging")
    for tag in tags:
        login.tag(APPLICATION, digest, tag)
    try:
        image, reason = scene.forger.prove(scene.honest.head_sha)
    finally:
        for tag in tags:
            login.tag(APPLICATION, scene.digest, tag)
    assert image == ""
    assert NOT_VOUCHED in reason


def test_the_tag_for_people_takes_nothing_away(scene: Scene) -> None:
    """Another stack's environment, with the same repository of images, has moved it to what it has signed itself."""
    _, digest = _evil(scene)
    scene.forger.login.tag(APPLICATION, digest, scene.honest.head_sha)
    try:
        assert scene.forger.prove(scene.honest.head_sha) == (scene.digest, "")
    finally:
        scene.forger.login.tag(APPLICATION, scene.digest, scene.honest.head_sha)


def test_a_mark_of_a_former_key_is_believed_as_long_as_the_settings_name_it(scene: Scene) -> None:
    """As after a rotation: what is told to the step is another present key, and those before it."""
    sha, digest = _evil(scene)
    scene.forger.attest(digest, scene.own, _mark(scene, sha, digest))
    others = [stagings_key().public, scene.own.public]
    for former in ("\n".join(others), "\n".join(reversed(others)), scene.own.public):
        assert scene.forger.prove(sha, FORMER_KEYS=former) == (digest, "")
    for former in ("", stagings_key().public):
        image, reason = scene.forger.prove(sha, FORMER_KEYS=former)
        assert image == ""
        assert NOT_VOUCHED in reason
    rotated = {"PUBLIC_KEY": scene.own.public}
    assert scene.forger.prove(scene.honest.head_sha, **rotated)[0] == ""
    assert scene.forger.prove(scene.honest.head_sha, **rotated, FORMER_KEYS=stagings_key().public) == (scene.digest, "")


def test_a_mark_that_is_too_old_is_refused_where_the_settings_say_so(scene: Scene) -> None:
    sha, digest = _evil(scene)
    scene.forger.attest(digest, stagings_key(), _mark(scene, sha, digest, at="2026-01-01T00:00:00Z"))
    assert scene.forger.prove(sha) == (digest, "")
    image, reason = scene.forger.prove(sha, MARK_MAX_AGE="3600")
    assert image == ""
    assert "longer ago than mark.maxAge allows" in reason
    assert scene.forger.prove(scene.honest.head_sha, MARK_MAX_AGE="3600") == (scene.digest, ""), "signed just now"


def test_a_commit_beside_the_base_branch_is_not_promoted(scene: Scene) -> None:
    """Any commit of the repository can be named in a webhook; this one even has the tree that was tested."""
    beside = replace(scene.forger, merge_sha=scene.forger.beside())
    assert beside.tree() == scene.forger.tree()
    image, reason = beside.prove(scene.honest.head_sha)
    assert image == ""
    assert "is not on the branch main" in reason


def test_stagings_key_does_not_speak_for_an_environment_between_the_two(scene: Scene) -> None:
    """Production, after one that vouches by a key of its own: all is right but who signed, and then that too."""
    sha, digest = _evil(scene)
    after = {"PROMOTES_FROM": "pre", "AFTER_ROLLOUT_OF": "pre", "PUBLIC_KEY": scene.own.public}
    scene.forger.login.tag(APPLICATION, digest, f"{sha}-pre")
    scene.forger.attest(digest, stagings_key(), _mark(scene, sha, digest, environment="pre"))
    scene.forger.attest(digest, scene.own, _mark(scene, sha, digest, environment="staging"))
    image, reason = scene.forger.prove(sha, **after)
    assert image == ""
    assert reason.startswith("pre has not vouched for it within 0 s, see its status")
    scene.forger.attest(digest, scene.own, _mark(scene, sha, digest, environment="pre"))
    assert scene.forger.prove(sha, **after) == (digest, ""), "the control, beside the marks of others"
