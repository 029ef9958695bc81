"""What steps in Python run: the modules of `steps/`, in a ConfigMap that is named by what it holds.

A step is told the whole digest, and runs nothing else: who may make a ConfigMap of that name changes no step.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

from components.conventions import Manifest

SOURCES = Path(__file__).resolve().parent.parent / "steps"
# Its name in pods, and the beginning of the ConfigMap's.
VOLUME = "steps"
# Where steps find it.
FOLDER = "/steps"
MOUNT: Manifest = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}


@cache
def data() -> dict[str, str]:
    """Return the modules' text by the name of their file."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.py"))}


@cache
def digest() -> str:
    """Return the SHA-256 of the modules, 64 hexadecimal digits, as the loader of tasks/python.py counts it."""
    return hashlib.sha256(json.dumps(data(), sort_keys=True).encode()).hexdigest()


def config_map() -> str:
    """Return the ConfigMap's name."""
    return f"{VOLUME}-{digest()[:12]}"


def volume() -> Manifest:
    """Return the volume. A pod that waits while the ConfigMap is replaced starts without it, so that its step says so."""
    return {"name": VOLUME, "configMap": {"name": config_map(), "optional": True}}
