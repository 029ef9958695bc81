"""Pushes the images that others build on or pull to a registry: the embedded cluster's, or a company's own."""

import base64
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from images.build import TAG, Image
from local.errors import UserError
from local.progress import Progress

PUBLISHED = ("base", "tools", "builder")
"""The others are only used by the embedded cluster, which imports them."""


@dataclass(frozen=True)
class Registry:
    """Where to push: `repository` is the prefix of the images' names. Without a user, the login is Docker's own."""

    repository: str
    user: str = ""
    password: str = ""
    insecure: bool = False

    @property
    def host(self) -> str:
        return self.repository.partition("/")[0]


def publish(
    images: Mapping[str, Image],
    crane: Path,
    registry: Registry,
    progress: Progress,
    refs: Path | None = None,
    names: Iterable[str] = PUBLISHED,
    tags: Sequence[str] = (TAG,),
) -> dict[str, str]:
    """Push what the registry lacks; return the references by digest, and write them to one file each below `refs`."""
    published = {}
    with _environment(registry) as environment:
        for name in names:
            image, target = images[name], f"{registry.repository}/{name}"
            for tag in tags:
                if _crane(crane, registry, environment, "digest", f"{target}:{tag}").stdout.strip() != image.digest:
                    with progress.step(f"Push {name} to {registry.host}"):
                        _push(crane, registry, environment, image, f"{target}:{tag}")
            published[name] = f"{target}@{image.digest}"
    if refs is not None:
        refs.mkdir(parents=True, exist_ok=True)
        for name in names:
            path, text = refs / name, images[name].ref + "\n"
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
    return published


def _push(crane: Path, registry: Registry, environment: Mapping[str, str], image: Image, target: str) -> None:
    with tempfile.TemporaryDirectory(dir=image.archive.parent, prefix=".push-") as layout:
        # crane pushes a layout's folder as it is, which keeps the digest; of an archive it would make a new image.
        with tarfile.open(image.archive) as tar:
            tar.extractall(layout, filter="data")
        answer = _crane(crane, registry, environment, "push", layout, target)
    if answer.returncode != 0:
        raise UserError(f"Could not push {image.name} to {target}: {answer.stderr.strip().splitlines()[-1]}")


def _crane(
    crane: Path, registry: Registry, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [crane, *arguments, *(["--insecure"] if registry.insecure else [])]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@contextmanager
def _environment(registry: Registry) -> Iterator[dict[str, str]]:
    """The login in a configuration file of its own: arguments can be read by everybody on the machine."""
    if not registry.user:
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="registry-login-") as folder:
        auth = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        (Path(folder) / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        yield os.environ | {"DOCKER_CONFIG": folder}
