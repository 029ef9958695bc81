"""The cache of images: each is made once for its content, and what is built is what the Dockerfiles say."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from images import build, buildkit, contexts
from images.buildkit import Build
from images.recipes import CLUSTER, DOCKERFILE, RECIPES, Recipe
from local import debian
from local.progress import Progress
from local.tools import TOOLS
from tests.images.archives import write

QUIET = Progress(write=lambda text: None, tty=False)
STAGE = re.compile(r"^FROM (\S+) AS (\S+)$", re.MULTILINE)


class Engine:
    """Stands in for BuildKit: notes what it is told to build, and makes an archive of the contexts' files."""

    def __init__(self) -> None:
        self.built: list[tuple[str, Build]] = []

    @contextmanager
    def started(self, tools: Mapping[str, Path], folder: Path) -> Iterator["Engine"]:
        assert set(tools) >= set(buildkit.TOOLS)
        yield self

    def build(self, what: Build, name: str, archive: Path) -> None:
        self.built.append((name, what))
        write(archive, (what.contexts["go-tool"] / "command").read_text())


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """One recipe, `demo`, of one binary, and an engine that notes every time it is made."""
    made = Engine()
    monkeypatch.setitem(RECIPES, "demo", Recipe(CLUSTER, binaries=["tool/command"]))
    monkeypatch.setattr(build, "IMAGES_CACHE", tmp_path / "images")
    monkeypatch.setattr(buildkit, "started", made.started)
    return made


def tools(folder: Path, content: str) -> dict[str, Path]:
    folder.mkdir()
    (folder / "command").write_text(content)
    return {"tool": folder} | {name: folder.with_name(f"{name}-333333333333") for name in buildkit.TOOLS}


def test_an_image_is_made_once_for_its_content(tmp_path: Path, engine: Engine) -> None:
    first = tools(tmp_path / "tool-111111111111", "one")
    image = build.ensure(first, QUIET, ["demo"])["demo"]
    assert build.ensure(first, QUIET, ["demo"])["demo"] == image
    ((name, what),) = engine.built
    assert (name, what.stage, what.labels) == ("registry.internal:5000/platform/demo:1", "demo", {})
    assert image.ref == f"registry.internal:5000/platform/demo@{image.digest}"
    second = tools(tmp_path / "tool-222222222222", "two")
    assert build.ensure(second, QUIET, ["demo"])["demo"].digest != image.digest
    assert len(engine.built) == 2
    leftovers = {path.name for path in (tmp_path / "images").iterdir() if path.suffix != ".tar"}
    assert leftovers == set()


def test_of_two_checkouts_at_once_the_second_finds_it_made(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, made = threading.Barrier(2), engine.build

    def slowly(what: Build, name: str, archive: Path) -> None:
        time.sleep(0.3)
        made(what, name, archive)

    def ensure() -> build.Image:
        begun.wait()
        return build.ensure(given, QUIET, ["demo"])["demo"]

    monkeypatch.setattr(engine, "build", slowly)
    given = tools(tmp_path / "tool-111111111111", "one")
    with ThreadPoolExecutor() as pool:
        first, second = (pool.submit(ensure) for _ in range(2))
    assert first.result() == second.result()
    assert len(engine.built) == 1


def test_what_was_interrupted_is_cleared_away_by_the_next(tmp_path: Path, engine: Engine) -> None:
    left = tmp_path / "images" / ".build-left"
    (left / "buildkit").mkdir(parents=True)
    build.ensure(tools(tmp_path / "tool-111111111111", "one"), QUIET, ["demo"])
    assert not left.exists()


def test_a_changed_source_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "HERE", tmp_path)
    for name in ("buildkit.py", "contexts.py", "Dockerfile"):
        (tmp_path / name).write_text("")
    source = tmp_path / "files"
    source.mkdir()
    (source / "page").write_text("one")
    recipe = Recipe(tmp_path / "Dockerfile", sources=[source])
    made_by = {name: tmp_path / f"{name}-1" for name in buildkit.TOOLS}
    keys = {build.key(recipe, made_by)}
    (source / "page").chmod(0o755)
    keys.add(build.key(recipe, made_by))
    (source / "page").write_text("two")
    keys.add(build.key(recipe, made_by))
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    keys.add(build.key(recipe, made_by))
    keys.add(build.key(recipe, {name: tmp_path / f"{name}-2" for name in buildkit.TOOLS}))
    assert len(keys) == 5
    (source / "page").chmod(0o775)
    assert build.key(recipe, {name: tmp_path / f"{name}-2" for name in buildkit.TOOLS}) in keys, "the cloner's umask"


def test_recipes_use_only_pinned_tools_and_known_packages() -> None:
    for name, recipe in RECIPES.items():
        assert set(recipe.tools) <= TOOLS.keys(), name
        assert set(recipe.packages) <= debian.PACKAGES.keys(), name
        for binary in recipe.binaries:
            tool_name, _, command = binary.rpartition("/")
            packages = TOOLS[tool_name.partition("/")[0]].packages
            assert any(package.endswith(f"/{command}") for package in packages), binary


def stages(dockerfile: Path) -> dict[str, tuple[str, str]]:
    """Stage → the one that it is from, and its lines."""
    text = re.sub(r"\\\n\s*", "", dockerfile.read_text())
    parts = STAGE.split(text)[1:]
    return {name: (parent, lines) for parent, name, lines in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}


def taken(found: dict[str, tuple[str, str]], stage: str, given: set[str]) -> set[tuple[str, str]]:
    """(context, path) of everything that a stage copies, those that it is from included; "" is the checkout."""
    parent, lines = found[stage]
    copied = set()
    for flags, paths in re.findall(r"^COPY ((?:--\S+ )*)(.*)$", lines, re.MULTILINE):
        origin = re.search(r"--from=(\S+)", flags)
        for path in paths.split()[:-1]:
            if origin and origin[1] in found and origin[1] not in given:
                copied |= taken(found, origin[1], given)
            else:
                copied.add((origin[1] if origin else "", path))
    return copied if parent == "scratch" else copied | taken(found, parent, given)


def test_an_image_is_made_of_what_its_recipe_says() -> None:
    """Else a change would leave an old image in the cache, or BuildKit would look for a context in Docker Hub."""
    for name, recipe in RECIPES.items():
        given = {f"go-{tool}" for tool in recipe.tools} | {"debian", "programs"}
        copied = taken(stages(recipe.dockerfile), name, given)
        assert {path for origin, path in copied if origin.startswith("go-")} == {
            binary.partition("/")[2] for binary in recipe.binaries
        }
        assert {origin for origin, _ in copied if origin.startswith("go-")} == {f"go-{tool}" for tool in recipe.tools}
        assert {path for origin, path in copied if origin == "programs"} == {source.stem for source in recipe.programs}
        assert ("debian" in {origin for origin, _ in copied}) is (recipe.debian is not None)
        sources = {str(source.relative_to(build.ROOT)) for source in recipe.sources if source.is_dir()}
        assert {path for origin, path in copied if origin == ""} == sources, name


def test_commands_of_the_cluster_keep_the_path_that_tekton_calls() -> None:
    for name, (parent, lines) in stages(CLUSTER).items():
        if name not in ("empty", "pause"):
            assert parent == "empty"
            (command,) = (binary.rpartition("/")[2] for binary in RECIPES[name].binaries)
            assert f'ENTRYPOINT ["/ko-app/{command}"]' in lines, name
            assert " /ko-app/\n" in lines, name
    user = re.search(r"^USER (\d+)", stages(CLUSTER)["empty"][1], re.MULTILINE)
    assert user
    assert user[1] != "0"


def test_a_build_by_docker_has_the_same_packages_and_commands() -> None:
    """Its own stages stand where contexts are named here."""
    text, found = DOCKERFILE.read_text(), stages(DOCKERFILE)
    assert f"FROM debian:{contexts.SUITE}-slim AS debian" in text
    assert "source=images/debian-packages" in found["debian"][1]
    assert "busybox-static" in contexts.packages()
    for tool in {tool for name in ("builder", "tools") for tool in RECIPES[name].tools}:
        parent, lines = found[f"go-{tool}"]
        assert parent == "go"
        assert f"COPY local/modules/{tool} ." in lines
        assert "-o /" in lines
    for tag in TOOLS["runc"].build.tags:
        assert tag in found["go-runc"][1]
    for variable in TOOLS["kubernetes"].build.version_in:
        assert f"-X={variable}=" in found["go-kubernetes"][1]
