"""What the Tekton stack installs here: upstream's manifests as the pinned modules have them, and our images for them."""

import json
from collections.abc import Mapping
from pathlib import Path

from images.build import Image
from local.forge import secret_files
from local.paths import STATE
from local.progress import Progress
from local.tekton import source
from local.tekton.render import replacements

FOLDER = STATE / "tekton"
IMAGES = FOLDER / "images.yaml"


def manifests(progress: Progress) -> dict[Path, str]:
    """Return the files that `tekton/Pulumi.apart.yaml` names, with their content; it is the same on every machine."""
    loaded = source.load_by_module(progress)
    return {FOLDER / f"{module.rpartition('/')[2]}.json": json.dumps(found) for module, found in loaded.items()}


def write(images: Mapping[str, Image], progress: Progress) -> None:
    """Write them, and which image to run for each that they name."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = manifests(progress)
    used = replacements("".join(files.values()), images)
    for path, text in {**files, IMAGES: json.dumps(used, indent=2) + "\n"}.items():
        secret_files.write_if_changed(path, text)
