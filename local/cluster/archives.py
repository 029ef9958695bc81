"""Image archives: what they are called, and how they get into the node without a registry."""

import json
import tarfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.cluster.names import Machine
from local.cluster.node import ctr
from local.errors import UserError

_NAME = "io.containerd.image.name"


def reference(archive: Path) -> str:
    """The reference by digest of the image in an OCI archive, which has its name there with a tag."""
    try:
        with tarfile.open(archive) as tar:
            index = tar.extractfile("index.json")
            assert index is not None
            image = json.load(index)["manifests"][0]
            return f"{image['annotations'][_NAME].rpartition(':')[0]}@{image['digest']}"
    except (OSError, KeyError, IndexError, tarfile.TarError, json.JSONDecodeError) as error:
        raise UserError(f"{archive} is no OCI archive of one image with the annotation {_NAME}: {error!r}") from error


def load(machine: Machine, archives: Iterable[Path]) -> None:
    """Make the images of these archives usable by pods; those that are there already cost nothing."""
    present = set(ctr(machine, "images", "list", "--quiet").split())
    absent = {name: archive for archive in archives if (name := reference(archive)) not in present}
    # Several at once, and by ctr itself: three times as quick as one by one through containerd's transfer service.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda image: _import(machine, *image), absent.items()))


def _import(machine: Machine, name: str, archive: Path) -> None:
    """Import an image under its reference by digest as well, which is the name that pods use."""
    base = name.partition("@")[0]
    ctr(machine, "images", "import", "--local", "--digests", f"--base-name={base}", str(archive))
