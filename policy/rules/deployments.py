"""Deployments: whoever may patch a Deployment owns its image, and Pulumi leaves that field alone."""

import re
from collections.abc import Iterator, Sequence

from policy.declared import Declared, items

IMAGE = "spec.template.spec.containers[0].image"
INDEX = re.compile(r"\[(\d+|\*)\]")


def image_ownership(stack: Sequence[Declared]) -> Iterator[tuple[str, str]]:
    """Yield (message, urn) for each delivered Deployment whose image `pulumi up` would take back.

    Delivered are those that a Role of their namespace lets somebody patch by name.
    """
    delivered = {
        (role.namespace, name)
        for role in stack
        if role.kind == "Role"
        for rule in items(role.fields, "rules")
        if "apps" in items(rule, "apiGroups")
        and "deployments" in items(rule, "resources")
        and "patch" in items(rule, "verbs")
        for name in items(rule, "resourceNames")
    }
    for item in stack:
        if item.kind == "Deployment" and (item.namespace, item.name) in delivered:
            if not any(INDEX.sub("[0]", path) == IMAGE for path in item.ignored):
                yield (
                    "a pipeline deploys it and the next `pulumi up` would roll its image back; add "
                    f'ignore_changes=["{IMAGE}"]',
                    item.urn,
                )
            for path in item.ignored:
                general = INDEX.sub("[0]", path)
                if general != IMAGE and IMAGE.startswith(general):
                    yield f"ignore_changes={path} hides changes of more than the image; name the image's path", item.urn
