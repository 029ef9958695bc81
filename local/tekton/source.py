"""Tekton's own manifests, taken from the pinned Go modules once and kept in the cache, as the binaries are."""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from local import tools
from local.paths import CACHE
from local.progress import Progress

Manifest = dict[str, Any]

MODULES = ("github.com/tektoncd/pipeline", "github.com/tektoncd/triggers")
# Folders below config/ that belong to the default installation. Remote resolvers are not used, and so not installed.
FOLDERS = ("100-namespace", "300-crds", ".", "interceptors")
# No metrics server to scale by, and no sink for cloud events.
LEFT_OUT = ("webhook-hpa.yaml", "events.yaml")
# libyaml, where the package has it: these are megabytes.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def versions() -> dict[str, str]:
    """Module → the version that local/modules/tekton pins."""
    return {module: tools.TOOLS["tekton"].versions[module] for module in MODULES}


def load(progress: Progress) -> list[Manifest]:
    """Every manifest of the pinned Pipelines and Triggers, as upstream wrote it."""
    return [manifest for manifests in load_by_module(progress).values() for manifest in manifests]


def load_by_module(progress: Progress) -> dict[str, list[Manifest]]:
    """The same, module by module."""
    key = hashlib.sha256(Path(__file__).read_bytes() + json.dumps(versions()).encode()).hexdigest()[:12]
    cached = CACHE / "tekton" / f"manifests-{key}.json"
    if not cached.exists():
        with progress.step("Take Tekton's manifests out of its modules"):
            manifests = {module: _read(config_folder(module)) for module in MODULES}
            cached.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=cached.parent, delete=False) as partial:
                json.dump(manifests, partial)
            Path(partial.name).rename(cached)
    loaded: dict[str, list[Manifest]] = json.loads(cached.read_text())
    return loaded


def config_folder(module: str) -> Path:
    """The config/ folder of a pinned module."""
    return tools.module_folder("tekton", module) / "config"


def _read(config: Path) -> list[Manifest]:
    files = [file for folder in FOLDERS for file in sorted((config / folder).glob("*.yaml")) if file.name not in LEFT_OUT]
    return [manifest for file in files for manifest in yaml.load_all(file.read_text(), LOADER) if manifest]
