"""What pod 1 built: one image for the platform that is needed, no larger than allowed, with all of its layers there.

The clients that copy and pull it take a name in any case for the same field, so a name that is not known is refused.
"""

import json
import math
import os
import re
from typing import Any, TypeGuard

from steps.text import told

LARGEST_MANIFEST = 4 * 1024 * 1024

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_CONFIG = re.compile(r"application/vnd[.](oci[.]image[.]config|docker[.]container[.]image)[.]v1[+]json")
_LAYER = re.compile(
    r"application/vnd[.](oci[.]image[.]layer[.]v1[.]tar([+](gzip|zstd))?|docker[.]image[.]rootfs[.]diff[.]tar([.](gzip|zstd))?)"
)
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_NEXT = re.compile("[ \\t\\r\\n]*")
_BOUND = re.compile("([0-9]+)(Ki|Mi|Gi)")
_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_PLATFORM = ("os", "architecture", "variant")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def is_digest(text: str) -> bool:
    """Return whether a text is a digest, and nothing more."""
    return _DIGEST.fullmatch(text) is not None


def wrong_manifest(text: bytes, bound: str) -> str | None:
    """Return what keeps an image with this manifest from being delivered; `bound` is the most that it may have, e.g. 2Gi."""
    other = "it is no image that can be delivered: "
    try:
        manifest = _only_value(text)
    except TwiceError as error:
        return f"{other}its manifest has {error} twice"
    except ValueError:
        return f"{other}its manifest is no JSON"
    if not isinstance(manifest, dict):
        return f"{other}no manifest"
    kind = manifest.get("mediaType")
    if "manifests" in manifest or kind in _INDEXES:
        return "it is an index, and not one image"
    unknown = sorted(manifest.keys() - {"annotations", "config", "layers", "mediaType", "schemaVersion"})
    if unknown:
        return f"{other}its manifest has {unknown[0]}"
    if manifest.get("schemaVersion") != 2 or (kind is not None and kind not in _MANIFESTS):
        return f"{other}its manifest is of the type {told(kind)}"
    config, layers = manifest.get("config"), manifest.get("layers")
    if not _is_descriptor(config, _CONFIG):
        return f"{other}its configuration is none of an image"
    if not isinstance(layers, list) or not all(_is_descriptor(layer, _LAYER) for layer in layers):
        return f"{other}a layer is of another type, or lies elsewhere"
    if config["size"] > LARGEST_MANIFEST:
        return "the configuration of the image is larger than 4 MiB"
    size = sum(part["size"] for part in (config, *layers))
    if size > _bytes(bound):
        return f"the image has {math.ceil(size / 1048576)} MiB compressed, and build.maxImageSize allows {bound}"
    return None


def wrong_platform(text: bytes, needed: str) -> str | None:
    """Return what keeps an image with this configuration from running; `needed` is a platform, or empty for this node's."""
    needed = needed or f"linux/{_machine()}"
    try:
        config = _only_value(text)
    except TwiceError as error:
        return f"the configuration of the image has {error} twice"
    except ValueError:
        return "the configuration of the image is no JSON"
    if not isinstance(config, dict):
        return "the configuration of the image is none"
    if any(_is_read_in_two_ways(name) for name in config):
        return "the configuration of the image has a name that clients read in two ways"
    system, architecture, variant = (config.get(name) for name in _PLATFORM)
    if not isinstance(system, str) or not isinstance(architecture, str):
        return "the image does not say its platform"
    short = f"{system}/{architecture}"
    long = f"{short}/{told(variant)}"
    if needed in (short, long):
        return None
    shown = short if variant in (None, False) else long
    return f"the image is for {shown}, and {needed} is needed (build.platform)"


class TwiceError(ValueError):
    """A name that stands twice in one object: clients keep of the first one what the second one leaves out."""


def _only_value(text: bytes) -> Any:
    """Return the value of JSON, or None where there are several, of which some clients take the first. Raises ValueError."""
    decoder, whole = json.JSONDecoder(object_pairs_hook=_once), text.decode("utf-8", "replace").strip()
    try:
        value, end = decoder.raw_decode(whole)
        if end == len(whole):
            return value
        decoder.raw_decode(whole, _NEXT.match(whole, end).end())  # type: ignore[union-attr]
    except RecursionError as error:
        raise ValueError("too deep") from error
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise TwiceError(told(name))
        found[name] = value
    return found


def _is_descriptor(value: Any, kinds: re.Pattern[str]) -> TypeGuard[dict[str, Any]]:
    if not isinstance(value, dict) or value.keys() - {"annotations", "digest", "mediaType", "size"}:
        return False
    size, kind = value.get("size"), value.get("mediaType")
    return (
        isinstance(value.get("digest"), str)
        and isinstance(kind, str)
        and kinds.fullmatch(kind) is not None
        and isinstance(size, (int, float))
        and not isinstance(size, bool)
        and 0 <= size < 1e15
        and size == math.floor(size)
    )


def _is_read_in_two_ways(name: str) -> bool:
    return re.search("[^ -~]", name) is not None or (name not in _PLATFORM and name.lower() in _PLATFORM)


def _bytes(bound: str) -> int:
    found = _BOUND.fullmatch(bound)
    assert found, bound
    return int(found[1]) * _UNITS[found[2]]


def _machine() -> str:
    machine = os.uname().machine
    return "arm" if machine.startswith("armv") else _MACHINES.get(machine, machine)
