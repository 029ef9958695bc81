"""Pushing: only what is missing, with the login in a file and never in the arguments."""

import base64
import json
from pathlib import Path

import pytest

from images.build import Image
from images.publish import PUBLISHED, Registry, publish
from local.errors import UserError
from local.progress import Progress
from tests.images.archives import write

QUIET = Progress(write=lambda text: None, tty=False)
REGISTRY = Registry("registry.example:5000/platform", "pusher", "s3cret", insecure=True)

CRANE = """#!/bin/sh
echo "$@" >>"$0.calls"
cp "$DOCKER_CONFIG/config.json" "$0.login"
case $1 in
digest) cat "$0.digest" 2>/dev/null ;;
push) ls "$2" | sort | tr '\\n' ' ' >>"$0.pushed"; exit "$(cat "$0.exit" 2>/dev/null || echo 0)" ;;
esac
"""


@pytest.fixture
def crane(tmp_path: Path) -> Path:
    """A stand-in that notes its arguments, its login and the folder it is told to push."""
    path = tmp_path / "crane"
    path.write_text(CRANE)
    path.chmod(0o755)
    return path


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Image]:
    made = {}
    for name in PUBLISHED:
        archive = tmp_path / f"{name}.tar"
        made[name] = Image(name, write(archive, name), archive)
    return made


def test_missing_images_are_pushed_and_their_references_kept(crane: Path, images: dict[str, Image], tmp_path: Path) -> None:
    references = publish(images, crane, REGISTRY, QUIET, tmp_path / "refs")
    calls = Path(f"{crane}.calls").read_text()
    assert calls.count("push ") == len(PUBLISHED)
    assert "s3cret" not in calls
    assert all(line.endswith("--insecure") for line in calls.splitlines())
    assert "blobs index.json oci-layout" in Path(f"{crane}.pushed").read_text()
    for name in PUBLISHED:
        assert references[name] == f"registry.example:5000/platform/{name}@{images[name].digest}"
        assert (tmp_path / "refs" / name).read_text() == f"{images[name].ref}\n"
    login = json.loads(Path(f"{crane}.login").read_text())["auths"]["registry.example:5000"]["auth"]
    assert base64.b64decode(login) == b"pusher:s3cret"


def test_what_the_registry_has_is_not_pushed_again(crane: Path, images: dict[str, Image]) -> None:
    Path(f"{crane}.digest").write_text(images["base"].digest + "\n")
    publish(images, crane, REGISTRY, QUIET, names=["base"])
    assert "push" not in Path(f"{crane}.calls").read_text()


def test_an_image_is_pushed_under_each_of_its_tags(crane: Path, images: dict[str, Image]) -> None:
    publish(images, crane, REGISTRY, QUIET, names=["base"], tags=["22", "22-slim"])
    pushed = [line.split()[2] for line in Path(f"{crane}.calls").read_text().splitlines() if line.startswith("push ")]
    assert pushed == [f"{REGISTRY.repository}/base:{tag}" for tag in ("22", "22-slim")]


def test_a_refused_push_says_which_image_and_where(crane: Path, images: dict[str, Image]) -> None:
    Path(f"{crane}.exit").write_text("1")
    crane.write_text(CRANE.replace("exit ", "echo 'Error: UNAUTHORIZED' >&2; exit "))
    with pytest.raises(UserError, match=r"push base to registry\.example:5000/platform/base:1: Error: UNAUTHORIZED"):
        publish(images, crane, REGISTRY, QUIET, names=["base"])
