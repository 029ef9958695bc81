"""Base images such as `python:3.13` and `node:22`, made of packages where Docker Hub cannot be reached.

They stand for the well-known ones as far as the applications here go: the same names, commands and users. What this machine
has been told about certificates and package registries is in them, as in the base images that companies keep.
"""

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from images import buildkit
from images.build import REPOSITORY, Image, content, read_digest
from images.buildkit import Build
from images.contexts import mmdebstrap, run
from images.recipes import HERE
from local import debian, go, tools
from local.locks import locked
from local.paths import IMAGES_CACHE
from local.progress import Progress

FOLDER = HERE / "bases"
SUITE = "trixie"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
# Where the clients of package registries are told another one than their own.
CLIENTS = ("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY", "GOPROXY", "GOSUMDB", "GONOSUMDB")
NODE = "22.23.3"
NPM = "10.9.9"
GO = "1.26"
# Kilobytes of documents and translations, and the compiler of queries, which PostgreSQL goes without.
WITHOUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/lib/*/libLLVM*", "/usr/lib/*/libclang*")


@dataclass(frozen=True)
class BaseImage:
    """A base image: the stage of that name in images/bases/Dockerfile, and what comes into it."""

    name: str
    tags: tuple[str, ...]
    packages: tuple[str, ...]
    pinned: str = ""
    """What else its content follows from."""
    contexts: Callable[[Path, Progress], Mapping[str, Path]] | None = None
    """Makes the folders that its stage names, below the one it is given."""

    def key(self) -> str:
        """Return its key, which the versions of BuildKit and of Debian's packages are not in."""
        certificates = [path.read_bytes().hex() for path in _authorities()]
        made_of = [SUITE, WITHOUT, self.packages, self.pinned, _clients(), certificates]
        # The platform's images are made without this module, and stay as they are where it changes.
        return content(FOLDER / "Dockerfile", [FOLDER, HERE / "bases.py"], [json.dumps(made_of)])


def _clients() -> dict[str, str]:
    return {name: os.environ[name] for name in CLIENTS if name in os.environ}


def _authorities() -> list[Path]:
    """Certificates that this machine's administrator has added: a proxy's that reads TLS, for example."""
    return sorted(AUTHORITIES.glob("*.crt"))


def _node(scratch: Path, progress: Progress) -> Mapping[str, Path]:
    """Node and npm out of npm's own registry, which has Node as a package for each platform."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    contexts = {}
    for name, package, version in (("node", f"node-linux-{machine}", NODE), ("npm", "npm", NPM)):
        folder = scratch / name
        folder.mkdir()
        archive = run(
            ["npm", "pack", f"{package}@{version}", "--silent", "--pack-destination", folder],
            f"fetch {package} from npm's registry",
        )
        run(["tar", "-xzf", folder / archive.strip(), "-C", folder], f"unpack {package}")
        contexts[f"{name}-package"] = folder / "package"
    return contexts


def _go(scratch: Path, progress: Progress) -> Mapping[str, Path]:
    return {"go-package": go.pinned(progress)}


BASE_IMAGES = {
    image.name: image
    for image in (
        BaseImage(
            "python",
            ("3.13", "3.13-slim"),
            ("ca-certificates", "netbase", "tzdata", "python3", "python3-venv", "python3-pip"),
        ),
        BaseImage(
            "node",
            ("22", "22-slim"),
            ("ca-certificates", "netbase", "tzdata"),
            pinned=f"{NODE} {NPM}",
            contexts=_node,
        ),
        BaseImage("golang", (GO,), ("ca-certificates", "git", "netbase"), pinned=go.text(go.PINNED), contexts=_go),
        BaseImage("postgres", ("17",), ("ca-certificates", "postgresql-17")),
    )
}


def ensure(names: Iterable[str], progress: Progress) -> dict[str, Image]:
    """These base images; what is not in the cache yet is made first."""
    chosen = [BASE_IMAGES[name] for name in names]
    archives = {image.name: IMAGES_CACHE / f"{image.name}-{image.key()}.tar" for image in chosen}
    IMAGES_CACHE.mkdir(parents=True, exist_ok=True)
    for image in chosen:
        if not archives[image.name].exists():
            debian.ensure(["mmdebstrap", *(["npm"] if image.name == "node" else [])], progress)
            with locked(IMAGES_CACHE), progress.step(f"Make the base image {image.name}:{image.tags[0]}"):
                if not archives[image.name].exists():
                    _make(image, archives[image.name], progress)
    return {name: Image(name, read_digest(archive), archive) for name, archive in archives.items()}


def _make(image: BaseImage, archive: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=IMAGES_CACHE, prefix=f".{image.name}-") as scratch:
        folder = Path(scratch)
        context, authorities = folder / "context", folder / "authorities"
        for made in (context, authorities):
            made.mkdir()
        options = ["--variant=minbase", *(f"--dpkgopt=path-exclude={path}" for path in WITHOUT)]
        mmdebstrap(f"{image.name}:{image.tags[0]}", SUITE, context / "debian.tar", options, image.packages)
        for path in _authorities():
            (authorities / path.name).write_bytes(path.read_bytes())
        contexts = {"context": context, "authorities": authorities, "files": FOLDER}
        contexts |= image.contexts(folder, progress) if image.contexts else {}
        build = Build(FOLDER / "Dockerfile", image.name, contexts, arguments=_clients())
        with buildkit.started(tools.ensure(buildkit.TOOLS, progress), folder) as engine:
            engine.build(build, f"{REPOSITORY}/{image.name}:{image.tags[0]}", archive)
