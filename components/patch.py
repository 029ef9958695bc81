"""A patch of a pod template, applied as `kubectl patch` would."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.conventions import Manifest, restricted
from components.settings.pod_template import MERGED_BY, PodTemplate


def patched(template: Manifest, patches: Sequence[PodTemplate]) -> Manifest:
    """Return a pod template after patches, one after another. Containers that they bring are as restricted as the others."""
    for patch in patches:
        template = _merged(template, patch.model_dump(exclude_defaults=True))
    for key in ("containers", "initContainers"):
        for container in template["spec"].get(key, []):
            container["securityContext"] = restricted() | container.get("securityContext", {})
    return template


def _merged(base: Any, patch: Any, key: str = "") -> Any:
    """Return a value after a patch of it: mappings are merged, null takes away, lists are merged or replaced."""
    if isinstance(patch, Mapping):
        made = dict(base) if isinstance(base, Mapping) else {}
        for name, value in patch.items():
            if value is None:
                made.pop(name, None)
            else:
                made[name] = _merged(made.get(name), value, name)
        return made
    if isinstance(patch, list) and key in MERGED_BY:
        known = {item[MERGED_BY[key]]: item for item in base or []}
        for item in patch:
            known[item[MERGED_BY[key]]] = _merged(known.get(item[MERGED_BY[key]]), item)
        return list(known.values())
    return patch
