"""Declared Kubernetes objects, found by kind, namespace and name."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from components.conventions import Manifest

# A value that Tekton fills in when a run starts.
PARAMETER = re.compile(r"\$\([^)]*\)")


class ReachabilityError(Exception):
    """Something decides about reachability and cannot be followed: a table without it would be wrong."""


class Objects:
    """The objects of one cluster: those of one stack, or of several as if they shared it."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._objects: dict[tuple[str, str, str], Manifest] = {}
        for manifest in manifests:
            place = manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]
            if place in self._objects:
                raise ReachabilityError(f"two objects are {place[0]} {place[1]}/{place[2]}: one cluster cannot hold both")
            self._objects[place] = manifest

    def all(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """Return the objects of a kind, in one namespace or in all, sorted by place."""
        found = sorted(place for place in self._objects if place[0] == kind and namespace in (None, place[1]))
        return [self._objects[place] for place in found]

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object, or None where it is not declared; a cluster-scoped one has the namespace ''."""
        return self._objects.get((kind, namespace, name))

    def need(self, kind: str, namespace: str, name: str, by: str) -> Manifest:
        """Return an object that `by` refers to."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise ReachabilityError(f"{by} refers to {kind} {namespace}/{name}, which is not declared")
        return found

    def fitting(self, kind: str, namespace: str, name: str, by: str) -> list[Manifest]:
        """Return the objects whose name fits one with parameters in it: whatever an event puts there, it is one of these."""
        if not parameterised(name):
            return [self.need(kind, namespace, name, by)]
        pattern = ".*".join(re.escape(part) for part in PARAMETER.split(name))
        found = [item for item in self.all(kind, namespace) if re.fullmatch(pattern, item["metadata"]["name"])]
        if not found:
            raise ReachabilityError(f"{by} refers to {kind} {namespace}/{name}, and none that is declared has such a name")
        return found


def parameterised(text: str) -> bool:
    """Return whether Tekton fills in a part of `text`."""
    return PARAMETER.search(text) is not None


def place(manifest: Manifest) -> str:
    """Return an object's namespace and name as one text."""
    namespace, name = manifest["metadata"].get("namespace"), str(manifest["metadata"]["name"])
    return f"{namespace}/{name}" if namespace else name


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects an object with these labels; no selector selects everything."""
    selector = selector or {}
    if any(labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        value, values = labels.get(expression["key"]), expression.get("values", [])
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[expression["operator"]]:
            return False
    return True
