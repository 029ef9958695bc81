"""Images run by digest: what was looked at is what runs, whatever somebody pushes to the tag later."""

import re
from collections.abc import Iterator

from policy.declared import Declared, containers, mapping, mappings

DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def images(item: Declared) -> Iterator[str]:
    """Yield the images of containers, steps and sidecars that are not named by digest."""
    named = [(found.path, found.fields["image"]) for found in containers(item.fields) if "image" in found.fields]
    if item.kind == "StepAction":
        named.append(("spec", mapping(item.fields, "spec").get("image", "")))
    for path, found in mappings(item.fields):
        template = mapping(found, "stepTemplate")
        if "image" in template:
            named.append((f"{path}.stepTemplate", template["image"]))
    for path, image in named:
        if not DIGEST.fullmatch(str(image)):
            yield f"{path}.image: '{image}' can change under its name; write <repository>@sha256:<64 hex digits>"
