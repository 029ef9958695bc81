"""Base images made of packages: what they are made of decides what is made anew, and who does not answer is named."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from images import bases, build, contexts
from images.bases import BASE_IMAGES
from local.errors import UserError
from local.progress import Progress

QUIET = Progress(write=lambda text: None, tty=False)


def test_one_is_made_anew_for_what_it_is_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = BASE_IMAGES["node"]
    keys = {image.key(), replace(image, pinned="23").key(), replace(image, packages=("git",)).key()}
    monkeypatch.setattr(bases, "AUTHORITIES", tmp_path)
    (tmp_path / "company.crt").write_text("another authority")
    assert len(keys | {image.key()}) == 4
    assert replace(image).key() == image.key(), "the control"


def test_one_is_made_anew_for_the_code_that_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the platform's images are: one function says so of both."""
    shutil.copytree(bases.FOLDER, tmp_path / "bases")
    for name in ("buildkit.py", "contexts.py", "bases.py"):
        shutil.copy(bases.HERE / name, tmp_path / name)
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr(bases, "HERE", tmp_path)
    monkeypatch.setattr(bases, "FOLDER", tmp_path / "bases")
    image = BASE_IMAGES["postgres"]
    keys = [image.key()]
    for name in ("buildkit.py", "contexts.py", "bases.py", "bases/Dockerfile", "bases/docker-entrypoint.sh"):
        with (tmp_path / name).open("a") as file:
            file.write("# changed\n")
        keys.append(image.key())
    assert len(set(keys)) == 6


def test_a_mirror_that_does_not_answer_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = tmp_path / "mmdebstrap"
    why = "E: Failed to fetch http://mirror.example/debian/InRelease  Could not connect"
    stub.write_text(f"#!/bin/sh\necho 'I: starting' >&2\necho '{why}' >&2\necho 'E: apt-get update failed' >&2\nexit 25\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(bases, "IMAGES_CACHE", tmp_path / "cache")
    with pytest.raises(UserError) as refused:
        bases.ensure(["python"], QUIET)
    assert str(refused.value) == f"Debian's packages for python:3.13 could not be had: {why}"
    assert [path for path in (tmp_path / "cache").iterdir() if path.name.startswith("python")] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes images here")
def test_what_is_mounted_for_packages_goes_with_who_unpacks_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mmdebstrap mounts /proc and devices in its tree, which nobody takes away where it is killed."""
    stub, mounted = tmp_path / "mmdebstrap", tmp_path / "mounted"
    mounted.mkdir()
    stub.write_text(f"#!/bin/sh\nmount -t tmpfs none {mounted} && grep -c {mounted} /proc/self/mounts >{tmp_path}/seen\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    contexts.mmdebstrap("the tools image", "bookworm", tmp_path / "tree", [], ["git"])
    assert (tmp_path / "seen").read_text() == "1\n", "the control"
    assert str(mounted) not in Path("/proc/self/mounts").read_text()
