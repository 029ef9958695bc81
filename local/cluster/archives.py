"""Image archives: what they are called, and how they get into the node without a registry."""

import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from local.cluster.names import Machine
from local.cluster.node import ctr
from local.errors import UserError

_NAME = "io.containerd.image.name"


def reference(archive: Path) -> str:
    """The reference, with digest, that an OCI archive gives its image."""
    try:
        with tarfile.open(archive) as tar:
            index = tar.extractfile("index.json")
            assert index is not None
            return str(json.load(index)["manifests"][0]["annotations"][_NAME])
    except (OSError, KeyError, IndexError, tarfile.TarError, json.JSONDecodeError) as error:
        raise UserError(f"{archive} is no OCI archive of one image with the annotation {_NAME}: {error!r}") from error


def load(machine: Machine, archives: Iterable[Path]) -> None:
    """Make the images of these archives usable by pods; those that are there already cost nothing."""
    present = set(ctr(machine, "images", "list", "--quiet").split())
    for archive in archives:
        name = reference(archive)
        if name not in present:
            ctr(machine, "images", "import", str(archive))
            if name not in ctr(machine, "images", "list", "--quiet").split():
                raise UserError(f"containerd did not take {name} from {archive}: `ctr images import` failed.")
