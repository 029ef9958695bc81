"""Which plugin version the installed Python packages ask the engine for."""

import importlib.util
import json
from pathlib import Path


def wheel_version(package: str) -> str:
    """The version in `pulumi-plugin.json` of the installed SDK of a provider: a plugin must answer with that one."""
    spec = importlib.util.find_spec(f"pulumi_{package}")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"the Python package pulumi-{package} is not installed in this environment (uv sync)")
    described = json.loads((Path(spec.submodule_search_locations[0]) / "pulumi-plugin.json").read_text())
    return str(described["version"])
