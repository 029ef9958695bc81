"""Builds the platform's images into the cache that checkouts share, each once for the content that it stands for."""

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from images import buildkit
from images.buildkit import Build
from images.contexts import Workshop
from images.recipes import HERE, RECIPES, Recipe
from local import debian
from local.locks import locked
from local.paths import IMAGES_CACHE, ROOT
from local.progress import Progress

REGISTRY = "registry.internal:5000"
REPOSITORY = f"{REGISTRY}/platform"
TAG = "1"
"""For people and for a Dockerfile's FROM; everything else uses digests."""


@dataclass(frozen=True)
class Image:
    """An image in the cache, as an OCI archive."""

    name: str
    digest: str
    archive: Path

    @property
    def repository(self) -> str:
        return f"{REPOSITORY}/{self.name}"

    @property
    def ref(self) -> str:
        """The name that pods use."""
        return f"{self.repository}@{self.digest}"


def ensure(tools: Mapping[str, Path], progress: Progress, names: Iterable[str] = RECIPES) -> dict[str, Image]:
    """The platform's images; what is not in the cache yet is made first, from the binaries in the tools' folders."""
    archives = {name: IMAGES_CACHE / f"{name}-{key(RECIPES[name], tools)}.tar" for name in names}
    IMAGES_CACHE.mkdir(parents=True, exist_ok=True)
    if _missing(archives):
        with locked(IMAGES_CACHE):
            # A second checkout has waited, and may find the images made.
            if missing := _missing(archives):
                _build(missing, tools, progress)
    return {name: Image(name, read_digest(archive), archive) for name, archive in archives.items()}


def _missing(archives: Mapping[str, Path]) -> dict[str, Path]:
    return {name: archive for name, archive in archives.items() if not archive.exists()}


def tools_of(names: Iterable[str]) -> list[str]:
    """The names of the tools that images are made of, and by."""
    return sorted({*buildkit.TOOLS, *(tool for name in names for tool in RECIPES[name].tools)})


def key(recipe: Recipe, tools: Mapping[str, Path]) -> str:
    """Return the key of a platform's image. A tool's folder is itself named after its content."""
    names = sorted({*buildkit.TOOLS, *recipe.tools})
    return content(recipe.dockerfile, (*recipe.sources, *recipe.programs), [tools[name].name for name in names])


def content(dockerfile: Path, sources: Iterable[Path], more: Iterable[str]) -> str:
    """Return twelve hexadecimal digits for what an image is made of: files and folders, what else, and by which code."""
    digest = hashlib.sha256()
    files = [dockerfile, HERE / "buildkit.py", HERE / "contexts.py"]
    for source in sources:
        files += sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    for path in files:
        # Of a checkout's modes an image takes no more than this.
        digest.update(json.dumps([str(path.relative_to(HERE)), path.stat().st_mode & 0o100]).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for each in more:
        digest.update(each.encode())
    return digest.hexdigest()[:12]


def read_digest(archive: Path) -> str:
    """The digest of the image in an archive."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        return str(json.load(index)["manifests"][0]["digest"])


def _build(archives: Mapping[str, Path], tools: Mapping[str, Path], progress: Progress) -> None:
    for interrupted in IMAGES_CACHE.glob(".build-*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    debian.ensure(sorted({package for name in archives for package in RECIPES[name].packages}), progress)
    # Those of compiled programs alone come first: meanwhile Debian's packages are fetched and unpacked for the others.
    order = sorted(archives, key=lambda name: RECIPES[name].debian is not None)
    with tempfile.TemporaryDirectory(dir=IMAGES_CACHE, prefix=".build-") as scratch, ThreadPoolExecutor(1) as network:
        workshop = Workshop(Path(scratch))
        unpacked = network.submit(workshop.unpack) if RECIPES[order[-1]].debian is not None else None
        with buildkit.started(tools, Path(scratch)) as engine:
            for number, name in enumerate(order, 1):
                with progress.step(f"Build the image {name} ({number} of {len(archives)})"):
                    if unpacked and RECIPES[name].debian is not None:
                        unpacked.result()
                    engine.build(_of(name, tools, workshop), f"{REPOSITORY}/{name}:{TAG}", archives[name])


def _of(name: str, tools: Mapping[str, Path], workshop: Workshop) -> Build:
    """What BuildKit is told of an image."""
    recipe = RECIPES[name]
    contexts = {"context": ROOT} | {f"go-{tool}": tools[tool] for tool in recipe.tools}
    if recipe.programs:
        contexts["programs"] = workshop.programs(recipe.programs)
    if recipe.debian is None:
        return Build(recipe.dockerfile, name, contexts)
    return Build(recipe.dockerfile, name, contexts | {"debian": workshop.debian}, workshop.versions(recipe.debian))
