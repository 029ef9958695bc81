"""The resource operations on Kubernetes objects, as the engine asks for them."""

import functools
import threading
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.plugins.kubernetes import kinds, objects, settings
from local.plugins.kubernetes.cluster import ApiError, Cluster, ClusterError, Reference, UnknownKindError, UnreachableError
from local.plugins.kubernetes.desired import Desired
from local.plugins.kubernetes.differ import compare
from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.readiness import check_for, why_not_ready
from local.plugins.kubernetes.refresh import adopt, untried
from local.plugins.kubernetes.replacement import force_new
from local.plugins.kubernetes.settings import Settings
from local.plugins.kubernetes.waiting import NotReadyError, Patience, until_gone, until_ready
from local.plugins.paths import MISSING, assign, lookup, render
from local.plugins.server import EngineLog, InitFailedError, Provider, RefusalError, check_failures, rpc
from local.plugins.versions import wheel_version
from local.plugins.wire import UNKNOWN, Bag, decode, encode, has_unknown, mirror_secrets

_Diff = provider_pb2.DiffResponse
_Property = provider_pb2.PropertyDiff


class KubernetesProvider(Provider):
    """One provider of the program: one cluster, one set of options."""

    package = "kubernetes"

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self.settings = Settings()
        self._connecting = threading.Lock()
        self._connection: Cluster | None = None
        self._unreachable: UnreachableError | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster, connected to when first needed."""
        with self._connecting:
            if self._unreachable is not None:
                # Asked once for the whole command: every resource waiting for the same timeout would take minutes.
                raise self._unreachable
            if self._connection is None:
                try:
                    self._connection = Cluster(self.settings)
                except UnreachableError as error:
                    self._unreachable = error
                    raise
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
        same_object = all(
            lookup(old.value, ("metadata", name)) == lookup(new.value, ("metadata", name)) for name in ("name", "namespace")
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
        desired = Desired.new(request, decode(request.properties))
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(self._preview(desired)))
        kind = desired.kind
        try:
            reference = objects.reference(kind, desired.inputs.value, self.cluster.namespaced(kind))
            found = self.cluster.get(reference)
            if found is not None and not self.settings.upsert_existing_objects:
                raise ApiError(409, f'{kind.name} "{reference.id}" already exists; import it or give it another name')
            desired = desired.taking_over(found) if found else desired
            live = desired.apply(self.cluster, dry_run=False, force=self.settings.enable_patch_force)
        except ClusterError as error:
            raise desired.failed(error) from error
        outputs = self._when_ready(desired, live, request.timeout)
        return provider_pb2.CreateResponse(id=reference.id, properties=encode(outputs))

    @rpc
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        old = decode(request.olds)
        self.require_own_state(old, request.urn)
        desired = Desired.known(request, decode(request.news), old, tuple(request.ignoreChanges))
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(self._preview(desired)))
        try:
            live = desired.apply(self.cluster, dry_run=False, force=self.settings.enable_patch_force)
        except ClusterError as error:
            raise desired.failed(error) from error
        return provider_pb2.UpdateResponse(properties=encode(self._when_ready(desired, live, request.timeout)))

    @rpc
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, old, inputs = kinds.of_type(request.type), decode(request.properties), decode(request.inputs)
        if not inputs.value:
            raise RefusalError(f"{request.urn}: the stand-in for the kubernetes plugin cannot import or look up objects")
        self.require_own_state(old, request.urn)
        try:
            live = self.cluster.get(objects.referenced(kind, request.id))
        except UnknownKindError:
            # Its definition is gone, and the object with it.
            live = None
        if live is None:
            return provider_pb2.ReadResponse()
        value = adopt(inputs.value, self._reapplied(Desired.known(request, inputs, old), live), live)
        present = Desired.known(request, objects.seal(kind, Bag(value, mirror_secrets(inputs, value))), old)
        if why := why_not_ready(self.cluster, check_for(kind, value), live):
            raise present.not_ready(request.id, live, why, present.inputs)
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(present.outputs(live)), inputs=encode(present.inputs)
        )

    @rpc
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, old = kinds.of_type(request.type), decode(request.properties)
        self.require_own_state(old, request.urn)
        reference, uid = objects.referenced(kind, request.id), str(old.value["metadata"].get("uid", ""))
        try:
            self.cluster.delete(reference, uid)
            until_gone(self.cluster, reference, uid, Patience(request.timeout, self.cancelled))
        except UnknownKindError:
            # Its definition is gone, and the object with it.
            pass
        except ApiError as error:
            # Gone already, or another object by now bears the name: this one is gone.
            if error.status not in (404, 409):
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

    def _preview(self, desired: Desired) -> Bag:
        """A dry run where one is possible; what the program knows otherwise."""
        kind, inputs, old = desired.kind, desired.inputs, desired.old
        guess = objects.foreseen(kind, inputs, old, desired.manager)
        if has_unknown(inputs.value) or not self.settings.known:
            return guess
        try:
            if not self.cluster.serves(kind):
                return guess
            if not old.value and self.cluster.get(objects.reference(kind, inputs.value, self.cluster.namespaced(kind))):
                # The predecessor that a replacement deletes first, or an object that the update itself will refuse.
                return guess
            dry = desired.apply(self.cluster, dry_run=True, force=self.settings.enable_patch_force)
        except UnreachableError as error:
            self.log.warning(f"configured Kubernetes cluster is unreachable: {error}", desired.urn)
            return guess
        except ApiError as error:
            # 404: its namespace is part of the same update. 403: who may not write may still preview.
            if error.status in (403, 404):
                return guess
            raise desired.failed(error) from error
        return objects.previewed(kind, dry, inputs, old, desired.manager)

    def _reapplied(self, desired: Desired, live: dict[str, Any]) -> Any:
        """What applying the inputs again would make of the object, whoever owns its fields by now."""
        try:
            return self.cluster.apply(desired.inputs.value, desired.kind, desired.manager, force=True, dry_run=True)
        except ApiError as error:
            # 403: a reader, who previews. Else the inputs are not even valid any more: whatever differs is drift.
            return untried(desired.inputs.value, live) if error.status == 403 else desired.inputs.value

    def _when_ready(self, desired: Desired, live: dict[str, Any], timeout: float) -> Bag:
        """The outputs, after waiting for the kinds that are waited for."""
        check = check_for(desired.kind, desired.inputs.value)
        if check is None:
            return desired.outputs(live)
        reference = Reference(desired.kind, live["metadata"]["name"], live["metadata"].get("namespace"))
        patience = Patience(timeout, self.cancelled)
        try:
            live = until_ready(self.cluster, reference, check, patience, functools.partial(self._tell, desired.urn))
        except NotReadyError as error:
            raise desired.not_ready(reference.id, error.live or live, error.reasons) from error
        except ClusterError as error:
            raise desired.not_ready(reference.id, live, [str(error)]) from error
        return desired.outputs(live)

    def _tell(self, urn: str, text: str) -> None:
        self.log.info(text, urn, ephemeral=True)
