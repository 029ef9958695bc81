"""The cache of images: each is made once for its content, and the recipes name only what is pinned."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from images import build, recipes
from images.oci import Config, Layer
from images.recipes import RECIPES, Recipe, Workshop
from local import debian
from local.progress import Progress
from local.tools import TOOLS

QUIET = Progress(write=lambda text: None, tty=False)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """One recipe, `demo`, of one binary; every time it is made, the binary is noted."""
    seen: list[Path] = []

    def make(workshop: Workshop) -> tuple[Sequence[Layer], Config]:
        seen.append(workshop.binary("tool/command"))
        layer = Layer()
        layer.file("command", workshop.binary("tool/command"), 0o755)
        return [layer], Config("65532:65532", entrypoint=["/command"])

    monkeypatch.setitem(RECIPES, "demo", Recipe(make, binaries=["tool/command"]))
    monkeypatch.setattr(build, "IMAGES_CACHE", tmp_path / "images")
    return seen


def tool(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "command").write_bytes(content)
    return folder


def test_an_image_is_made_once_for_its_content(tmp_path: Path, made: list[Path]) -> None:
    first = tool(tmp_path / "tool-111111111111", b"one")
    image = build.ensure({"tool": first}, QUIET, ["demo"])["demo"]
    assert build.ensure({"tool": first}, QUIET, ["demo"])["demo"] == image
    assert made == [first / "command"]
    assert image.ref == f"registry.internal:5000/platform/demo@{image.digest}"
    second = tool(tmp_path / "tool-222222222222", b"two")
    assert build.ensure({"tool": second}, QUIET, ["demo"])["demo"].digest != image.digest
    assert len(made) == 2
    leftovers = {path.name for path in (tmp_path / "images").iterdir() if path.suffix != ".tar"}
    assert leftovers == {".lock"}


def test_a_changed_source_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "HERE", tmp_path)
    for name in ("oci.py", "recipes.py"):
        (tmp_path / name).write_text("")
    source = tmp_path / "files"
    source.mkdir()
    (source / "page").write_text("one")
    recipe = Recipe(recipes.base, sources=[source])
    before = build.key(recipe, {})
    (source / "page").chmod(0o755)
    executable = build.key(recipe, {})
    (source / "page").write_text("two")
    assert len({before, executable, build.key(recipe, {})}) == 3


def test_recipes_use_only_pinned_tools_and_known_packages() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.tools <= TOOLS.keys(), name
        assert set(recipe.packages) <= debian.PACKAGES.keys(), name
        for binary in recipe.binaries:
            tool_name, _, command = binary.rpartition("/")
            packages = TOOLS[tool_name.partition("/")[0]].packages
            assert any(package.endswith(f"/{command}") for package in packages), binary


def test_every_tekton_command_keeps_the_path_that_tekton_calls(tmp_path: Path) -> None:
    folder = tmp_path / "tekton" / "pipeline"
    folder.mkdir(parents=True)
    (folder / "entrypoint").write_bytes(b"x")
    layers, config = RECIPES["tekton-pipeline-entrypoint"].make(Workshop({"tekton": tmp_path / "tekton"}, tmp_path))
    assert "ko-app/entrypoint" in layers[0].entries
    assert config.entrypoint == ["/ko-app/entrypoint"]
    uid = config.user.partition(":")[0]
    assert uid.isdigit()
    assert uid != "0"
