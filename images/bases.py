"""Base images such as `python:3.13` and `node:22`, made of packages where Docker Hub cannot be reached.

They stand for the well-known ones as far as the applications here go: the same names, commands and users. What this machine
has been told about certificates and package registries is in them, as in the base images that companies keep.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images import oci
from images.build import REPOSITORY, Image
from images.oci import Config, Layer
from images.recipes import HERE, run
from local import debian, go
from local.errors import UserError
from local.locks import locked
from local.paths import IMAGES_CACHE
from local.progress import Progress

SUITE = "trixie"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where the clients of package registries are told another one than their own.
CLIENTS = ("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY", "GOPROXY", "GOSUMDB", "GONOSUMDB")
NODE = "22.23.3"
NPM = "10.9.9"
GO = "1.26"
# Kilobytes of documents and translations, and the compiler of queries, which PostgreSQL goes without.
WITHOUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/lib/*/libLLVM*", "/usr/lib/*/libclang*")


class Tree(Layer):
    """A layer that is a tar already."""

    def __init__(self, tar: Path) -> None:
        super().__init__()
        self.tar = tar

    def write(self, stream: Any) -> None:
        with self.tar.open("rb") as source:
            shutil.copyfileobj(source, stream)


@dataclass(frozen=True)
class BaseImage:
    """A base image: what Debian gives, and what comes on top."""

    name: str
    tags: tuple[str, ...]
    packages: tuple[str, ...]
    config: Config
    script: str = ""
    """What is done in the root filesystem, by its own shell."""
    pinned: str = ""
    """What else its content follows from."""
    top: Callable[[Path, Progress], Layer] | None = None

    def key(self) -> str:
        """Twelve hexadecimal digits for what it is made of, but for the versions of Debian's packages."""
        certificates = [path.read_bytes().hex() for path in _authorities()]
        files = [path.read_text() for path in sorted((HERE / self.name).glob("*"))]
        made_of = [SUITE, WITHOUT, self.packages, self.script, self.pinned, repr(self.config), certificates, files]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]


def _clients() -> dict[str, str]:
    return {name: os.environ[name] for name in CLIENTS if name in os.environ}


def _authorities() -> list[Path]:
    """Certificates that this machine's administrator has added: a proxy's that reads TLS, for example."""
    return sorted(AUTHORITIES.glob("*.crt"))


def _node(scratch: Path, progress: Progress) -> Layer:
    """Node and npm out of npm's own registry, which has Node as a package for each platform."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    layer = Layer()
    for package, version, below in (
        (f"node-linux-{machine}", NODE, "usr/local"),
        ("npm", NPM, "usr/local/lib/node_modules/npm"),
    ):
        folder = scratch / package
        folder.mkdir()
        archive = run(
            ["npm", "pack", f"{package}@{version}", "--silent", "--pack-destination", folder],
            f"fetch {package} from npm's registry",
        )
        run(["tar", "-xzf", folder / archive.strip(), "-C", folder], f"unpack {package}")
        for path in sorted((folder / "package").rglob("*")):
            name = path.relative_to(folder / "package")
            if path.is_file() and name.parts[0] not in ("include", "share"):
                executable = name.parts[0] == "bin"
                layer.file(f"{below}/{name}", path, 0o755 if executable else 0o644)
    for command in ("npm", "npx"):
        layer.symlink(f"usr/local/bin/{command}", f"../lib/node_modules/npm/bin/{command}-cli.js")
    return layer


def _go(scratch: Path, progress: Progress) -> Layer:
    root = go.pinned(progress)
    layer = Layer()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if path.is_file() and name.parts[0] not in ("test", "api", "doc"):
            layer.file(f"usr/local/go/{name}", path, path.stat().st_mode & 0o755 | 0o444)
    layer.directory("go", 0o777)
    return layer


BASE_IMAGES = {
    image.name: image
    for image in (
        BaseImage(
            "python",
            ("3.13", "3.13-slim"),
            ("ca-certificates", "netbase", "tzdata", "python3", "python3-venv", "python3-pip"),
            Config("", command=["python3"], env={"PATH": PATH, "LANG": "C.UTF-8"} | _clients()),
            # As in an image of Python's own: one Python, which pip may write to.
            script="rm /usr/lib/python3.13/EXTERNALLY-MANAGED; for name in python python3 python3.13; "
            "do ln -s /usr/bin/python3.13 /usr/local/bin/$name; done",
        ),
        BaseImage(
            "node",
            ("22", "22-slim"),
            ("ca-certificates", "netbase", "tzdata"),
            Config("", command=["node"], env={"PATH": PATH, "NODE_EXTRA_CA_CERTS": BUNDLE} | _clients()),
            script="groupadd --gid 1000 node; useradd --uid 1000 --gid node --shell /bin/bash --create-home node",
            pinned=f"{NODE} {NPM}",
            top=_node,
        ),
        BaseImage(
            "golang",
            (GO,),
            ("ca-certificates", "git", "netbase"),
            Config(
                "",
                command=["bash"],
                env={"PATH": f"/go/bin:/usr/local/go/bin:{PATH}", "GOPATH": "/go", "GOTOOLCHAIN": "local"} | _clients(),
            ),
            pinned=go.text(go.PINNED),
            top=_go,
        ),
        BaseImage(
            "postgres",
            ("17",),
            ("ca-certificates", "postgresql-17"),
            Config(
                "",
                entrypoint=["docker-entrypoint.sh"],
                command=["postgres", "-c", "listen_addresses=*", "-c", "unix_socket_directories=/tmp"],
                env={"PATH": f"/usr/lib/postgresql/17/bin:{PATH}", "PGDATA": "/var/lib/postgresql/data", "LANG": "C.UTF-8"},
            ),
            # The number that people know of it; Debian's package takes the next one that is free.
            script="rm -rf /var/lib/postgresql/17 /etc/postgresql/17; groupmod --gid 999 postgres; "
            "usermod --uid 999 --gid 999 postgres; chown -R 999:999 /var/lib/postgresql",
        ),
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
    return {name: Image(name, oci.read_digest(archive), archive) for name, archive in archives.items()}


def _make(image: BaseImage, archive: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=IMAGES_CACHE, prefix=f".{image.name}-") as scratch:
        folder = Path(scratch)
        layers: list[Layer] = [Tree(_debian(image, folder))]
        if image.top:
            layers.append(image.top(folder, progress))
        if image.config.entrypoint:
            added = Layer()
            added.file("usr/local/bin/docker-entrypoint.sh", HERE / image.name / "docker-entrypoint.sh", 0o755)
            layers.append(added)
        oci.write(archive, f"{REPOSITORY}/{image.name}", layers, image.config)


def _debian(image: BaseImage, folder: Path) -> Path:
    """The root filesystem: packages, what the script makes of them, and certificates that this machine believes."""
    tar, script = folder / "debian.tar", folder / "script.sh"
    script.write_text(f"set -eu\n{image.script}\n")
    hooks = [f'copy-in "{script}" /tmp', 'chroot "$1" sh /tmp/script.sh', 'rm "$1/tmp/script.sh"']
    if authorities := _authorities():
        hooks.append(f"copy-in {' '.join(map(str, authorities))} {AUTHORITIES}")
        hooks.append('chroot "$1" update-ca-certificates')
    options = [f"--customize-hook={hook}" for hook in hooks] + [f"--dpkgopt=path-exclude={path}" for path in WITHOUT]
    packages = f"--include={','.join(image.packages)}"
    mirror = os.environ.get("DEBIAN_MIRROR")
    command: list[str | Path] = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        packages,
        *options,
        SUITE,
        tar,
        *([mirror] if mirror else []),
    ]
    answer = subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": "0"}, capture_output=True, text=True)
    if answer.returncode != 0:
        said = [line for line in answer.stderr.splitlines() if not line.startswith("umount: ")]
        # The first complaint is the reason; after it each program says that the one before has failed.
        why = next((line for line in said if line.startswith(("E: ", "Err:", "dpkg: error", "W: "))), "".join(said[-1:]))
        raise UserError(f"Debian's packages for {image.name}:{image.tags[0]} could not be had: {why}")
    return tar
