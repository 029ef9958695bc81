"""What one operation is about: the object as it should be, who applies it, and how a failure is told."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from local.plugins.kubernetes import kinds, objects
from local.plugins.kubernetes.cluster import ApiError, Cluster
from local.plugins.kubernetes.kinds import Kind
from local.plugins.paths import lookup
from local.plugins.server import InitFailedError, RefusalError
from local.plugins.wire import Bag, leaves

# A shorter text is part of too many words to be cut out of messages.
_SHORTEST_HIDDEN = 4


@dataclass(frozen=True)
class Desired:
    """What the engine asks for, and what the state knows of it; `old` is empty for a new object."""

    urn: str
    kind: Kind
    inputs: Bag
    manager: str
    api_version: str
    old: Bag = field(default_factory=Bag)
    ignored: tuple[str, ...] = ()

    @classmethod
    def new(cls, request: Any, inputs: Bag) -> "Desired":
        """The subject of a creation."""
        kind = kinds.of_type(request.type)
        return cls(request.urn, kind, inputs, objects.new_manager(), kind.api_version)

    @classmethod
    def known(cls, request: Any, inputs: Bag, old: Bag, ignored: tuple[str, ...] = ()) -> "Desired":
        """The subject of an operation on an object in the state, which names its field manager."""
        manager, api_version = old.value[objects.MANAGER], old.value[objects.API_VERSION]
        return cls(request.urn, kinds.of_type(request.type), inputs, manager, api_version, old, ignored)

    def taking_over(self, live: dict[str, Any]) -> "Desired":
        """The same for an object that is there already: as the manager that applied it, if one of Pulumi's did."""
        managers = [
            entry["manager"] for entry in live["metadata"].get("managedFields") or [] if entry["operation"] == "Apply"
        ]
        former = next((name for name in managers if name.startswith(objects.MANAGER_PREFIX)), self.manager)
        return dataclasses.replace(self, manager=former)

    def outputs(self, live: dict[str, Any]) -> Bag:
        """What the state keeps of the live object."""
        return objects.outputs(self.kind, live, self.inputs, self.manager, self.api_version)

    def apply(self, cluster: Cluster, *, dry_run: bool, force: bool = False) -> dict[str, Any]:
        """Apply it. Other managers' fields are a conflict unless the provider or the object itself asks for force."""
        body = self.inputs.value
        if self.ignored:
            found = objects.reference(self.kind, body, cluster.namespaced(self.kind))
            body = objects.with_ignored(body, cluster.get(found) or {"metadata": {}}, self.ignored, self.manager)
        force = force or kinds.annotation(body, kinds.PATCH_FORCE) == "true"
        return cluster.apply(body, self.kind, self.manager, force=force, dry_run=dry_run)

    def failed(self, error: Exception) -> RefusalError:
        """The error to report when applying it failed."""
        text = self._hide(str(error))
        if not self.old.value:
            return RefusalError(f'resource "{self.urn}" was not successfully created by the Kubernetes API server: {text}')
        if isinstance(error, ApiError) and error.status == 409:
            return RefusalError(
                f'update of resource "{self.urn}" failed: Server-Side Apply field conflict detected. '
                f'The resource managed by field manager "{self.manager}" had an apply conflict: {text}'
            )
        return RefusalError(f'update of resource "{self.urn}" failed: {text}')

    def not_ready(self, resource_id: str, live: dict[str, Any], reasons: list[str], inputs: Bag | None = None) -> Exception:
        """The error to report when it is there and not ready."""
        return InitFailedError(resource_id, self.outputs(live), [self._hide(reason) for reason in reasons], inputs)

    def _hide(self, message: str) -> str:
        # API servers quote the values that they refuse.
        for path in self.inputs.secrets:
            for _, text in leaves(lookup(self.inputs.value, path)):
                if len(text) >= _SHORTEST_HIDDEN:
                    message = message.replace(text, "[secret]")
        return message
