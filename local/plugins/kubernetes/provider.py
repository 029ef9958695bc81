"""The resource operations on Kubernetes objects, as the engine asks for them."""

import functools
import threading
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.plugins.kubernetes import kinds, objects, settings
from local.plugins.kubernetes.cluster import ApiError, Cluster, Reference, UnknownKindError, UnreachableError
from local.plugins.kubernetes.differ import compare
from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.readiness import WaitError, check_for, reasons
from local.plugins.kubernetes.refresh import adopt
from local.plugins.kubernetes.replacement import force_new
from local.plugins.kubernetes.settings import Settings
from local.plugins.kubernetes.waiting import NotReadyError, Patience, until_gone, until_ready
from local.plugins.paths import MISSING, assign, lookup, render
from local.plugins.server import EngineLog, InitFailedError, Provider, RefusalError, check_failures, rpc
from local.plugins.versions import wheel_version
from local.plugins.wire import UNKNOWN, Bag, decode, encode, has_unknown

_Diff = provider_pb2.DiffResponse
_Property = provider_pb2.PropertyDiff


class KubernetesProvider(Provider):
    """One provider of the program: one cluster, one set of options."""

    package = "kubernetes"

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self.settings = Settings()
        self._connecting = threading.Lock()

    @functools.cached_property
    def _connection(self) -> Cluster:
        return Cluster(self.settings)

    @property
    def cluster(self) -> Cluster:
        """The cluster, connected to when first needed."""
        with self._connecting:
            return self._connection

    @check_failures
    def CheckConfig(self, request: Any, news: Bag) -> Bag:  # noqa: N802
        settings.read(news.value)
        return news

    @rpc
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        old, new = decode(request.old_inputs).value, decode(request.news).value
        changed = compare(old, new, [], []).changes
        replaces = []
        if changed and new.get("kubeconfig") is not UNKNOWN and settings.read(old).known:
            # Another API server is another cluster: nothing of the old one can be updated there.
            moved = settings.read(old).server() != settings.read(new).server()
            replaces = ["kubeconfig"] if moved else []
        return _Diff(changes=_Diff.DIFF_SOME if changed else _Diff.DIFF_NONE, replaces=replaces)

    @rpc
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.settings = settings.read(decode(request.args).value)
        self.log.info(f"kubernetes: the project's stand-in for the official plugin v{wheel_version(self.package)} is in use")
        return super().Configure(request, context)

    @check_failures
    def Check(self, request: Any, news: Bag) -> Bag:  # noqa: N802
        kind = kinds.of_type(request.type)
        kinds.check_object(request.type, kind, news.value)
        inputs = objects.normalise(kind, news)
        autonaming = request.autonaming if request.HasField("autonaming") else None
        objects.assign_name(inputs.value, decode(request.olds), request.name, request.randomSeed, autonaming)
        namespace = self.settings.default_namespace() if self.settings.known else None
        if namespace and lookup(inputs.value, ("metadata", "namespace")) in (MISSING, "") and self._namespaced(kind):
            assign(inputs.value, ("metadata", "namespace"), namespace)
        return inputs

    @rpc
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.require_own_state(decode(request.olds), request.urn)
        kind = kinds.of_type(request.type)
        old, new = objects.normalise(kind, decode(request.old_inputs)), objects.normalise(kind, decode(request.news))
        patterns = force_new(kind, new.value, self.settings.enable_secret_mutable, self.settings.enable_config_map_mutable)
        difference = compare(old.value, new.value, patterns, objects.paths(request.ignoreChanges))
        replaces = sorted(render(path) for path in difference.replacing)
        metadata = [lookup(bag.value, ("metadata",)) for bag in (old, new)]
        same_object = all(
            metadata[0].get(name) == metadata[1].get(name) for name in ("name", "namespace") if UNKNOWN not in metadata
        )
        autonamed = kinds.annotation(new.value, kinds.AUTONAMED) == "true"
        return _Diff(
            changes=_Diff.DIFF_SOME if difference.changes else _Diff.DIFF_NONE,
            replaces=replaces,
            # Two objects of one name cannot be there at once.
            deleteBeforeReplace=bool(replaces) and same_object and not autonamed,
            hasDetailedDiff=True,
            detailedDiff={
                render(path): _Property(
                    kind=getattr(_Property, f"{what}_REPLACE" if path in difference.replacing else what), inputDiff=True
                )
                for path, what in difference.changes.items()
            },
        )

    @rpc
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, inputs = kinds.of_type(request.type), decode(request.properties)
        manager = objects.new_manager(b"")
        if request.preview:
            outputs = self._preview(kind, inputs, Bag(), manager, request)
            return provider_pb2.CreateResponse(properties=encode(outputs))
        try:
            reference = objects.reference(kind, inputs.value, self.cluster.namespaced(kind))
            if self.cluster.get(reference) is not None:
                raise ApiError(409, f'{kind.name} "{reference.id}" already exists; import it or give it another name')
            live = self.cluster.apply(inputs.value, kind, manager, force=False, dry_run=False)
        except (ApiError, UnknownKindError, UnreachableError) as error:
            raise RefusalError(
                f'resource "{request.urn}" was not successfully created by the Kubernetes API server: {error}'
            ) from error
        live = self._wait(kind, live, inputs, manager, kind.api_version, request)
        outputs = objects.outputs(kind, live, inputs, manager, kind.api_version)
        return provider_pb2.CreateResponse(id=reference.id, properties=encode(outputs))

    @rpc
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, inputs, old = kinds.of_type(request.type), decode(request.news), decode(request.olds)
        self.require_own_state(old, request.urn)
        manager, api_version = old.value[objects.MANAGER], old.value[objects.API_VERSION]
        if request.preview:
            outputs = self._preview(kind, inputs, old, manager, request)
            return provider_pb2.UpdateResponse(properties=encode(outputs))
        try:
            live = self.cluster.apply(
                self._to_apply(kind, inputs, manager, request),
                kind,
                manager,
                force=_forced(inputs),
                dry_run=False,
            )
        except (ApiError, UnknownKindError, UnreachableError) as error:
            raise RefusalError(_update_failed(request.urn, manager, error)) from error
        live = self._wait(kind, live, inputs, manager, api_version, request)
        return provider_pb2.UpdateResponse(properties=encode(objects.outputs(kind, live, inputs, manager, api_version)))

    @rpc
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, old, inputs = kinds.of_type(request.type), decode(request.properties), decode(request.inputs)
        if not inputs.value:
            raise RefusalError(f"{request.urn}: the stand-in for the kubernetes plugin cannot import or look up objects")
        self.require_own_state(old, request.urn)
        manager, api_version = old.value[objects.MANAGER], old.value[objects.API_VERSION]
        try:
            live = self.cluster.get(objects.referenced(kind, request.id))
        except UnknownKindError:
            # Its definition is gone, and the object with it.
            live = None
        except (ApiError, UnreachableError) as error:
            raise RefusalError(f'resource "{request.urn}" could not be read: {error}') from error
        if live is None:
            return provider_pb2.ReadResponse()
        value = adopt(inputs.value, self._reapplied(kind, inputs, manager, live), live)
        present = objects.seal(kind, Bag(value, frozenset(p for p in inputs.secrets if lookup(value, p) is not MISSING)))
        outputs = objects.outputs(kind, live, present, manager, api_version)
        if why := self._not_ready(kind, present, live):
            raise InitFailedError(request.id, outputs, why, present)
        return provider_pb2.ReadResponse(id=request.id, properties=encode(outputs), inputs=encode(present))

    @rpc
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, old = kinds.of_type(request.type), decode(request.properties)
        self.require_own_state(old, request.urn)
        reference, uid = objects.referenced(kind, request.id), lookup(old.value, ("metadata", "uid"))
        try:
            self.cluster.delete(reference, uid)
            until_gone(self.cluster, reference, uid, Patience(request.timeout, self.cancelled))
        except UnknownKindError:
            pass
        except ApiError as error:
            # Gone already, or another object by now bears the name: this one is gone.
            if error.status not in (404, 409):
                raise RefusalError(f'resource "{request.urn}" could not be deleted: {error}') from error
        except UnreachableError as error:
            raise RefusalError(f'resource "{request.urn}" could not be deleted: {error}') from error
        except NotReadyError as error:
            raise InitFailedError(request.id, old, error.reasons) from error
        return empty_pb2.Empty()

    def _namespaced(self, kind: Kind) -> bool:
        try:
            return self.cluster.namespaced(kind)
        except (UnknownKindError, UnreachableError):
            # Most probably a custom resource whose definition is yet to come: those are mostly namespaced.
            return True

    def _to_apply(self, kind: Kind, inputs: Bag, manager: str, request: Any) -> dict[str, Any]:
        if not request.ignoreChanges:
            return inputs.value
        live = self.cluster.get(objects.referenced(kind, request.id)) or {"metadata": {}}
        return objects.with_ignored(inputs.value, live, list(request.ignoreChanges), manager)

    def _preview(self, kind: Kind, inputs: Bag, old: Bag, manager: str, request: Any) -> Bag:
        """A dry run where one is possible; what the program knows otherwise."""
        guess = objects.foreseen(kind, inputs, old, manager)
        if has_unknown(inputs.value) or not self.settings.known:
            return guess
        try:
            if not self.cluster.serves(kind):
                return guess
            if not old.value and self.cluster.get(objects.reference(kind, inputs.value, self.cluster.namespaced(kind))):
                # The predecessor that a replacement deletes first, or an object that the update itself will refuse.
                return guess
            value = self._to_apply(kind, inputs, manager, request) if old.value else inputs.value
            dry = self.cluster.apply(value, kind, manager, force=_forced(inputs), dry_run=True)
        except UnreachableError as error:
            self.log.warning(f"configured Kubernetes cluster is unreachable: {error}", request.urn)
            return guess
        except ApiError as error:
            # 404: its namespace is part of the same update. 403: who may not write may still preview.
            if error.status in (403, 404):
                return guess
            if old.value:
                raise RefusalError(_update_failed(request.urn, manager, error)) from error
            raise RefusalError(
                f'resource "{request.urn}" was not successfully created by the Kubernetes API server: {error}'
            ) from error
        return objects.previewed(kind, dry, inputs, old, manager)

    def _reapplied(self, kind: Kind, inputs: Bag, manager: str, live: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.cluster.apply(inputs.value, kind, manager, force=True, dry_run=True)
        except ApiError:
            # The old inputs are not even valid any more: whatever differs from them is drift.
            return inputs.value

    def _wait(
        self, kind: Kind, live: dict[str, Any], inputs: Bag, manager: str, api_version: str, request: Any
    ) -> dict[str, Any]:
        check = check_for(kind, inputs.value)
        if check is None:
            return live
        reference = Reference(kind, live["metadata"]["name"], live["metadata"].get("namespace"))
        try:
            return until_ready(
                self.cluster,
                reference,
                check,
                Patience(request.timeout, self.cancelled),
                lambda text: self.log.info(text, request.urn, ephemeral=True),
            )
        except NotReadyError as error:
            outputs = objects.outputs(kind, error.live or live, inputs, manager, api_version)
            raise InitFailedError(reference.id, outputs, error.reasons) from error
        except (ApiError, UnreachableError) as error:
            outputs = objects.outputs(kind, live, inputs, manager, api_version)
            raise InitFailedError(reference.id, outputs, [str(error)]) from error

    def _not_ready(self, kind: Kind, inputs: Bag, live: dict[str, Any]) -> list[str]:
        check = check_for(kind, inputs.value)
        if check is None:
            return []
        try:
            missing = check(self.cluster, live)
        except WaitError as failure:
            missing = str(failure)
        return [missing, *reasons(self.cluster, live)] if missing else []


def _forced(inputs: Bag) -> bool:
    return kinds.annotation(inputs.value, kinds.PATCH_FORCE) == "true"


def _update_failed(urn: str, manager: str, error: Exception) -> str:
    if isinstance(error, ApiError) and error.status == 409:
        return (
            f'update of resource "{urn}" failed: Server-Side Apply field conflict detected. '
            f'The resource managed by field manager "{manager}" had an apply conflict: {error}'
        )
    return f'update of resource "{urn}" failed: {error}'
