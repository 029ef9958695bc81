"""Tekton's objects, in an order in which every one of them finds what it needs when it starts."""

from collections.abc import Sequence
from typing import Any

import pulumi

Manifest = dict[str, Any]

INTERCEPTORS = "tekton-triggers-core-interceptors"
# Kept on the cluster when the stack is destroyed: deleting a definition deletes every object of its kind, and the
# namespace everything in it.
KEPT = ("CustomResourceDefinition", "Namespace")
FIRST = ("Namespace", "CustomResourceDefinition")


class Installation(pulumi.ComponentResource):
    """Namespaces, then definitions, then configuration and rights, then controllers and webhooks, then interceptors.

    Interceptors write their certificate through the webhooks when they start; where that fails because they were earlier,
    they try again a minute later, and listeners fail until then.
    """

    def __init__(self, name: str, manifests: Sequence[Manifest], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tekton:index:Installation", name, None, opts)
        before: list[pulumi.Resource] = []
        for stage in stages(manifests):
            made = [self._declare(name, manifest, before) for manifest in stage]
            # A Service is ready when its pods are, so nothing that its pods wait for may wait for it.
            before += [resource for resource, manifest in zip(made, stage, strict=True) if manifest["kind"] != "Service"]
        self.register_outputs({})

    def _declare(self, name: str, manifest: Manifest, before: Sequence[pulumi.Resource]) -> pulumi.Resource:
        return pulumi.CustomResource(
            type_token(manifest),
            "-".join((name, manifest["kind"].lower(), manifest["metadata"]["name"])),
            {key: value for key, value in manifest.items() if key != "status"},
            pulumi.ResourceOptions(parent=self, depends_on=list(before), retain_on_delete=manifest["kind"] in KEPT or None),
        )


def stages(manifests: Sequence[Manifest]) -> list[list[Manifest]]:
    """Return the manifests in groups, each of which needs the ones before it."""
    groups: list[list[Manifest]] = [[] for _ in range(5)]
    for manifest in manifests:
        groups[_stage(manifest)].append(manifest)
    return groups


def _stage(manifest: Manifest) -> int:
    kind = manifest["kind"]
    if kind in FIRST:
        return FIRST.index(kind)
    if kind != "Deployment":
        return 2
    return 4 if manifest["metadata"]["name"] == INTERCEPTORS else 3


def type_token(manifest: Manifest) -> str:
    """Return the type token of the Kubernetes provider for an object."""
    version = manifest["apiVersion"]
    return f"kubernetes:{version if '/' in version else f'core/{version}'}:{manifest['kind']}"
