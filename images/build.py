"""Builds the platform's images into the cache that checkouts share, each once for the content that it stands for."""

import fcntl
import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from images import oci
from images.recipes import HERE, RECIPES, Recipe, Workshop
from local import debian
from local.paths import IMAGES_CACHE
from local.progress import Progress

REGISTRY = "registry.internal:5000"
REPOSITORY = f"{REGISTRY}/platform"


@dataclass(frozen=True)
class Image:
    """An image in the cache, as an OCI archive that containerd imports under `ref`."""

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
    if any(not archive.exists() for archive in archives.values()):
        # A second checkout waits here, and then finds the images made.
        with (IMAGES_CACHE / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _build({name: path for name, path in archives.items() if not path.exists()}, tools, progress)
    return {name: Image(name, oci.read_digest(archive), archive) for name, archive in archives.items()}


def tools_of(names: Iterable[str]) -> list[str]:
    """The names of the tools that go into images."""
    return sorted({tool for name in names for tool in RECIPES[name].tools})


def key(recipe: Recipe, tools: Mapping[str, Path]) -> str:
    """Twelve hexadecimal digits for what an image is made of. A tool's folder is itself named after its content."""
    digest = hashlib.sha256()
    files = [HERE / "oci.py", HERE / "recipes.py"]
    for source in recipe.sources:
        files += sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    for path in files:
        digest.update(json.dumps([str(path.relative_to(HERE)), path.stat().st_mode & 0o777]).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for tool in sorted(recipe.tools):
        digest.update(tools[tool].name.encode())
    return digest.hexdigest()[:12]


def _build(archives: Mapping[str, Path], tools: Mapping[str, Path], progress: Progress) -> None:
    debian.ensure(sorted({package for name in archives for package in RECIPES[name].packages}), progress)
    with tempfile.TemporaryDirectory(dir=IMAGES_CACHE, prefix=".build-") as scratch:
        workshop = Workshop(tools, Path(scratch))
        for number, (name, archive) in enumerate(archives.items(), 1):
            with progress.step(f"Build the image {name} ({number} of {len(archives)})"):
                layers, config = RECIPES[name].make(workshop)
                oci.write(archive, f"{REPOSITORY}/{name}", layers, config)
