"""Where everything lives: the checkout, its state, and the cache that checkouts share."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
SECRETS = STATE / "secrets"
CLUSTERS = STATE / "cluster"
IMAGE_REFS = STATE / "images"
PULUMI = STATE / "pulumi"
MODULES = ROOT / "local" / "modules"


def _cache() -> Path:
    override = os.environ.get("TEKTON_DELIVERY_CACHE")
    if override:
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tekton-delivery"


CACHE = _cache()
TOOLS_CACHE = CACHE / "tools"
IMAGES_CACHE = CACHE / "images"
