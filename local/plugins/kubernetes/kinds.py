"""Resource types: what the stand-in takes on, and under which API version and kind."""

from dataclasses import dataclass
from typing import Any

from local.plugins.paths import MISSING, lookup
from local.plugins.server import RefusalError

PREFIX = "pulumi.com/"
AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
PATCH_FORCE = "pulumi.com/patchForce"
_ANNOTATIONS = (AUTONAMED, SKIP_AWAIT, PATCH_FORCE)

# Kinds that the official plugin waits for, or treats in a way of its own, and the stand-in does not.
_UNSUPPORTED_KINDS = {
    ("apps", "ReplicaSet"),
    ("extensions", "Ingress"),
    ("", "PersistentVolume"),
    ("", "ReplicationController"),
}
# The official plugin waits for these unless told not to; the stand-in takes them on only then.
_AWAITED_KINDS = {("networking.k8s.io", "Ingress")}
_COMPONENT_MODULES = ("helm.sh/", "yaml", "kustomize", "yaml/", "kustomize/")


@dataclass(frozen=True)
class Kind:
    """An API version and a kind."""

    api_version: str
    name: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{self.api_version}/{self.name}"


def of_type(token: str) -> Kind:
    """The kind that a resource type names, `kubernetes:apps/v1:Deployment` or `kubernetes:tekton.dev/v1:Task`."""
    package, _, rest = token.partition(":")
    module, _, name = rest.partition(":")
    if package != "kubernetes" or not name or module.startswith(_COMPONENT_MODULES) or "/" not in module:
        raise RefusalError(
            _refused(token, "is not a Kubernetes API object (Helm, YAML and Kustomize need the official plugin)")
        )
    kind = Kind(module.removeprefix("core/"), name)
    built_in = "." not in kind.group or kind.group.endswith(".k8s.io")
    if name.endswith("Patch"):
        raise RefusalError(_refused(token, "is a Patch resource"))
    if built_in and name.endswith("List"):
        raise RefusalError(_refused(token, "is a List; declare its items one by one"))
    if (kind.group, name) in _UNSUPPORTED_KINDS:
        raise RefusalError(_refused(token, "is a kind that the official plugin treats in a way of its own"))
    return kind


def check_object(token: str, kind: Kind, value: dict[str, Any]) -> None:
    """Refuse what would be ignored: another kind than the type says, and annotations with a meaning for the plugin."""
    for key, expected in (("apiVersion", kind.api_version), ("kind", kind.name)):
        if value.get(key, expected) != expected:
            raise RefusalError(f"{token}: {key} is {value[key]!r}, but the resource's type says {expected!r}")
    if lookup(value, ("metadata", "generateName")) is not MISSING:
        raise RefusalError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
    if (kind.group, kind.name) in _AWAITED_KINDS and annotation(value, SKIP_AWAIT) != "true":
        raise RefusalError(_refused(token, f"is a kind that the official plugin waits for; annotate it with {SKIP_AWAIT}"))
    annotations = lookup(value, ("metadata", "annotations"))
    for key in annotations if isinstance(annotations, dict) else ():
        if key.startswith(PREFIX) and key not in _ANNOTATIONS:
            raise RefusalError(_refused(token, f"has the annotation {key}"))
        if key == "helm.sh/hook":
            raise RefusalError(_refused(token, "has a Helm hook"))


def annotation(value: dict[str, Any], key: str) -> str:
    """An annotation's value, or an empty text."""
    found = lookup(value, ("metadata", "annotations", key))
    return found if isinstance(found, str) else ""


def _refused(token: str, why: str) -> str:
    return f"{token} {why}, which the stand-in for the kubernetes plugin does not support"
