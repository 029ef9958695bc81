"""What a Dockerfile can do: one that uses everything that docs/builds.md names, built twice by the declared image step."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.cluster.names import QUARANTINE
from tests.e2e.attacks.builds import COMMIT, SOURCE_URL, Builds, built
from tests.e2e.attacks.registry import Login
from tests.e2e.attacks.repository import Entry
from tests.e2e.world import World

DOCKERFILES = Path(__file__).parent / "dockerfiles"
VERSION = "api/v1/version"
SECRET = "hunter2-of-the-package-registry"
FEATURES: dict[str, Entry] = {
    "Dockerfile": (DOCKERFILES / "features.Dockerfile").read_text(),
    "tree/file.txt": "in a tree\n",
    "tree/docs/kept.txt": "kept\n",
    "tree/docs/README.md": "left out\n",
}
IGNORES: dict[str, Entry] = {
    "Dockerfile": (DOCKERFILES / "ignores.Dockerfile").read_text(),
    "kept.txt": "",
    "one.log": "",
    "other.tmp": "",
}
BUILDS = {
    "features": FEATURES,
    "features-again": FEATURES,
    "ignore": IGNORES | {".dockerignore": "*.log\n"},
    "ignore-of-the-file": IGNORES | {".dockerignore": "*.log\n", "Dockerfile.dockerignore": "*.tmp\n"},
    # Read by the test alone; what it names has no Dockerfile.
    "secrets": {"token": SECRET},
}
TOLD = {
    "cache": "kept",
    "bind": "in a tree",
    "bind-stage": "/bound/busybox",
    "tmpfs": "1",
    "secret": f"{hashlib.sha256(SECRET.encode()).hexdigest()}  -",
    "secret-variable": f"{hashlib.sha256(SECRET.encode()).hexdigest()}  -",
    "ssh": "nothing",
    "network": "2",
    "network-none": "1",
    "user": "1000:1000",
}


@pytest.fixture(scope="module")
def version(world: World) -> bytes:
    return httpx.get(f"{world.machine.forge.url}/{VERSION}", trust_env=False).raise_for_status().content


@pytest.fixture(scope="module")
def builds(world: World, version: bytes) -> Iterator[Builds]:
    arguments = {
        "URL": f"http://forge.internal:3000/{VERSION}",
        "CHECKSUM": hashlib.sha256(version).hexdigest(),
    }
    given = {
        "PARAM_TARGET": "runtime",
        "PARAM_BUILD_ARGS": "\n".join(f"{name}={value}" for name, value in arguments.items()),
        "BUILD_SECRETS": "/source/secrets",
    }
    with built(world, given, BUILDS, sandboxes=[True]) as found:
        yield found[True]


@pytest.fixture(scope="module")
def reader(world: World, tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login(world.machine, tmp_path_factory.mktemp("reader"), QUARANTINE, "deployer")


@pytest.fixture(scope="module")
def config(builds: Builds, reader: Login) -> Mapping[str, Any]:
    assert builds.by_name["features"].code == 0, builds.log
    return dict(json.loads(reader.crane("config", reader.image("chespirito-features", COMMIT))))


@pytest.fixture(scope="module")
def image(config: Mapping[str, Any], reader: Login, tmp_path_factory: pytest.TempPathFactory) -> tarfile.TarFile:
    path = tmp_path_factory.mktemp("image") / "image.tar"
    reader.crane("export", reader.image("chespirito-features", COMMIT), str(path))
    return tarfile.open(fileobj=io.BytesIO(path.read_bytes()))


def text(image: tarfile.TarFile, name: str) -> str:
    found = image.extractfile(name)
    assert found
    return found.read().decode()


def test_each_run_has_the_mounts_and_the_network_that_it_names(builds: Builds) -> None:
    told = [line.partition(" ")[::2] for line in builds.by_name["features"].told("TOLD")]
    assert dict(told) == TOLD
    assert SECRET not in builds.log


def test_heredocs_checksums_and_triggers_are_in_the_image(image: tarfile.TarFile, version: bytes) -> None:
    assert text(image, "made/heredoc") == "a script of several lines, tag 1\n"
    assert text(image, "made/literal") == "a file with $TAG as it stands\n"
    assert text(image, "made/added").encode() == version
    assert text(image, "onbuild") == "by the stage built on it\n"


def test_what_is_copied_keeps_its_folders_and_gets_its_modes(image: tarfile.TarFile) -> None:
    names = {name.strip("/") for name in image.getnames()}
    assert {name for name in names if name.startswith("parents/") and name.endswith((".txt", ".md"))} == {
        "parents/tree/file.txt",
        "parents/tree/docs/kept.txt",
    }
    modes = {name: image.getmember(f"modes/{name}") for name in ("symbolic", "octal")}
    assert (modes["symbolic"].mode, modes["octal"].mode) == (0o744, 0o640)
    assert (modes["octal"].uid, modes["octal"].gid) == (7, 8)


def test_the_image_says_how_it_runs(config: Mapping[str, Any]) -> None:
    said = config["config"]
    assert (said["User"], said["Volumes"], said["Shell"]) == ("1000:1000", {"/data": {}}, ["/bin/sh", "-euc"])
    assert said["Healthcheck"] == {"Test": ["CMD", "/bin/true"], "Interval": 30_000_000_000}


def test_the_image_says_what_it_is_made_of(config: Mapping[str, Any]) -> None:
    labels = {name: value for name, value in config["config"]["Labels"].items() if name.startswith("org.opencontainers.")}
    assert labels == {
        "org.opencontainers.image.revision": COMMIT,
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
        "org.opencontainers.image.source": SOURCE_URL,
    }
    assert config["created"] == "2023-11-14T22:13:20Z"


def test_no_stage_after_the_target_is_built(builds: Builds) -> None:
    assert "last stage" not in "\n".join(builds.by_name["features"].lines)


def test_the_same_commit_makes_the_same_digest(builds: Builds, reader: Login) -> None:
    assert builds.by_name["features-again"].code == 0
    first, second = (reader.digest(f"chespirito-{name}", COMMIT) for name in ("features", "features-again"))
    assert first == second


@pytest.mark.parametrize(
    ("name", "kept"),
    [("ignore", "other.tmp"), ("ignore-of-the-file", "one.log")],
)
def test_a_context_is_without_what_is_ignored(builds: Builds, name: str, kept: str) -> None:
    (found,) = builds.by_name[name].told("TOLD context")
    assert {each for each in found.split() if not each.startswith((".", "Dockerfile"))} == {"kept.txt", kept}
