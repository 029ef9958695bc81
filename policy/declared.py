"""A Kubernetes object as the rules see it, whether it comes from the engine or from a mock run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs

Fields = Mapping[str, Any]
"""Fields of an object. In a preview, reading one that is not known yet ends the policy with an advisory message."""

# What holds containers, in pods and in Tekton's Tasks.
CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers", "steps", "sidecars")


@dataclass(frozen=True)
class Declared:
    """An object that the stack declares."""

    kind: str
    group: str
    """The API group, empty for the core group."""
    fields: Fields
    ignored: tuple[str, ...]
    """The property paths of the option `ignoreChanges`."""
    urn: str

    @property
    def title(self) -> str:
        """How messages call it, e.g. `Secret staging-ci/forge-token`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace", ""))

    @property
    def metadata(self) -> Fields:
        return mapping(self.fields, "metadata")

    @property
    def labels(self) -> Fields:
        return mapping(self.metadata, "labels")


@dataclass(frozen=True)
class Container:
    """A container, step or sidecar, and the security context that it inherits."""

    path: str
    fields: Fields
    inherited: Fields


def declared(resource: ResourceValidationArgs | PolicyResource) -> Declared | None:
    """Return a resource as an object, or None where it is none of Kubernetes. A `…Patch` counts as what it patches."""
    package, _, rest = resource.resource_type.partition(":")
    group_version, _, kind = rest.partition(":")
    if package != "kubernetes" or not kind:
        return None
    group = group_version.rpartition("/")[0]
    return Declared(
        kind=kind.removesuffix("Patch"),
        group="" if group == "core" else group,
        fields=resource.props,
        ignored=tuple(resource.opts.ignore_changes),
        urn=resource.urn,
    )


def mapping(fields: Fields, name: str) -> Fields:
    """Return a field that holds fields, empty where it is absent."""
    found = fields.get(name)
    return found if isinstance(found, Mapping) else {}


def items(fields: Fields, name: str) -> Sequence[Any]:
    """Return a field that holds a list, empty where it is absent."""
    found = fields.get(name)
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def mappings(value: Any, path: str = "") -> Iterator[tuple[str, Fields]]:
    """Yield every mapping in a nested value with its path, the outer ones first."""
    if isinstance(value, Mapping):
        yield path, value
        for name in value:
            yield from mappings(value[name], f"{path}.{name}" if path else str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index in range(len(value)):
            item = value[index]
            label = item["name"] if isinstance(item, Mapping) and "name" in item else index
            yield from mappings(item, f"{path}[{label}]")


def containers(fields: Fields) -> Iterator[Container]:
    """Yield what runs as a container in an object: in its pods, its Tasks and in what it embeds of either."""
    for path, holder in mappings(fields):
        for key in CONTAINER_LISTS:
            inherited = mapping(holder, "securityContext") if key.lower().endswith("containers") else {}
            if key == "steps":
                inherited = mapping(mapping(holder, "stepTemplate"), "securityContext")
            for index, found in enumerate(items(holder, key)):
                if isinstance(found, Mapping):
                    yield Container(f"{path}.{key}[{found.get('name', index)}]", found, inherited)
