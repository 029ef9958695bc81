"""The API server, as the plugin uses it: objects by API version and kind, applied server-side."""

import os
import socket
import threading
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import config as kube_config
from kubernetes.client import ApiClient, Configuration
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.discovery import LazyDiscoverer
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError

from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.settings import Settings
from local.plugins.server import RefusalError

_POOL = 64
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 60.0


class ClusterError(RefusalError):
    """What an operation on the cluster failed with."""


class UnknownKindError(ClusterError):
    """The API server does not serve this kind (yet)."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f'the API server does not serve {kind}: no matches for kind "{kind.name}" in "{kind.api_version}"')


class UnreachableError(ClusterError):
    """The API server cannot be talked to at all."""


class ApiError(ClusterError):
    """An answer of the API server that is not a success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Reference:
    """One object: its kind, name and, for namespaced kinds, namespace."""

    kind: Kind
    name: str
    namespace: str | None

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Cluster:
    """A connection. Discovery is done per kind when first asked for, and again when a kind is not found."""

    def __init__(self, settings: Settings) -> None:
        configuration = Configuration()
        kube_config.load_kube_config_from_dict(settings.cluster(), client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.connection_pool_maxsize = _POOL
        configuration.retries = urllib3.Retry(total=2, connect=2, read=0, backoff_factor=0.2)
        self._host = configuration.host
        self._discovery = threading.Lock()
        address = urllib3.util.parse_url(self._host)
        try:
            # The client itself would wait for minutes at an address where nothing answers.
            socket.create_connection((address.host or "", address.port or 443), _CONNECT_SECONDS).close()
        except OSError as error:
            raise UnreachableError(f"the API server {self._host} cannot be reached: {error}") from error
        api = ApiClient(configuration)
        try:
            self._client = DynamicClient(api, discoverer=_Discovery)  # type: ignore[no-untyped-call]
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"the API server {self._host} cannot be reached: {_cause(error)}") from error

    def namespaced(self, kind: Kind) -> bool:
        """Whether objects of this kind live in a namespace."""
        return bool(self._resource(kind).namespaced)

    def serves(self, kind: Kind) -> bool:
        """Whether the API server knows this kind."""
        try:
            self._resource(kind)
        except UnknownKindError:
            return False
        return True

    def get(self, reference: Reference) -> dict[str, Any] | None:
        """The live object, or None."""
        resource = self._resource(reference.kind)
        try:
            return self._call(resource.get, name=reference.name, namespace=reference.namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def select(self, kind: Kind, namespace: str, labels: str | None = None, fields: str | None = None) -> list[Any]:
        """The objects of a namespace that a label or field selector finds."""
        resource = self._resource(kind)
        found = self._call(resource.get, namespace=namespace, label_selector=labels, field_selector=fields)
        return list(found.get("items") or [])

    def apply(self, body: dict[str, Any], kind: Kind, manager: str, *, force: bool, dry_run: bool) -> dict[str, Any]:
        """Server-side apply; a dry run goes through admission and changes nothing."""
        resource = self._resource(kind)
        metadata = body["metadata"]
        namespace = metadata.get("namespace") or ("default" if resource.namespaced else None)
        return self._call(
            resource.server_side_apply,
            body=body,
            name=metadata["name"],
            namespace=namespace,
            field_manager=manager,
            force_conflicts=force,
            **({"dry_run": "All"} if dry_run else {}),
        )

    def delete(self, reference: Reference, uid: str) -> None:
        """Ask for deletion, dependents first, of this very object and not of a successor with its name."""
        resource = self._resource(reference.kind)
        options: dict[str, Any] = {"propagationPolicy": "Foreground"}
        if uid:
            options["preconditions"] = {"uid": uid}
        self._call(resource.delete, name=reference.name, namespace=reference.namespace, body=options)

    def _resource(self, kind: Kind) -> Any:
        with self._discovery:
            try:
                # Without the prefix, a search for v1 would ask for every group that has a v1.
                prefix = "apis" if kind.group else "api"
                return self._client.resources.get(prefix=prefix, api_version=kind.api_version, kind=kind.name)
            except ResourceNotFoundError as error:
                raise UnknownKindError(kind) from error
            except urllib3.exceptions.HTTPError as error:
                raise UnreachableError(f"the API server {self._host} cannot be reached: {_cause(error)}") from error

    def _call(self, method: Any, **arguments: Any) -> dict[str, Any]:
        try:
            answer = method(**arguments, _request_timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS))
        except DynamicApiError as error:
            raise ApiError(int(error.status or 0), _message(error)) from error
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"the API server {self._host} cannot be reached: {_cause(error)}") from error
        return dict(answer.to_dict())


class _Discovery(LazyDiscoverer):
    """Discovery that is kept in memory: a cache file would outlive the cluster that it describes."""

    def __init__(self, client: Any, cache_file: object) -> None:
        super().__init__(client, f"{os.devnull}/none")  # type: ignore[no-untyped-call]

    def _write_cache(self) -> None:
        pass


def _message(error: DynamicApiError) -> str:
    summary = error.summary()  # type: ignore[no-untyped-call]
    return summary if isinstance(summary, str) else summary.decode(errors="replace")


def _cause(error: BaseException) -> str:
    return str(getattr(error, "reason", None) or error)
