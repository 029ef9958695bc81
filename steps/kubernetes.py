"""The API server, by one connection that is kept. Its token is read anew for each request: a step may outlive it."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from steps.inputs import StepError, given

Object = dict[str, Any]

# Deliveries write under this name. It starts neither with `kubectl` nor with `pulumi`: Pulumi's Kubernetes provider folds
# managers with those prefixes into its own and would roll the image back.
FIELD_MANAGER = "tekton-delivery"

_SECONDS = 30.0
_ATTEMPTS = 4
# The largest object that the API server stores is smaller, and a list that a step reads has few.
_LARGEST = 64 * 1024 * 1024


class ApiError(StepError):
    """What the API server refused, or that it does not answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"Error from server ({reason}): {message}" if reason else f"Error from server: {message}")
        self.status = status


class ConflictError(ApiError):
    """The object is another one than the change was made for."""


class NotFoundError(ApiError):
    """There is no such object."""


class ForbiddenError(ApiError):
    """The service account may not, or an admission policy refuses."""


_ERRORS = {"Conflict": ConflictError, "NotFound": NotFoundError, "Forbidden": ForbiddenError}


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the API server is reached."""

    host: str = given("KUBERNETES_SERVICE_HOST")
    port: int = given("KUBERNETES_SERVICE_PORT")
    folder: Path = given("API_ACCESS")
    """With the files `token` and `ca.crt`."""


def deployment(namespace: str, name: str) -> str:
    """Return the path of a Deployment."""
    return f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/deployments/{quote(name, safe='')}"


def lease(namespace: str, name: str) -> str:
    """Return the path of a Lease."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases/{quote(name, safe='')}"


def runs(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's PipelineRuns, or of one."""
    return _tekton(namespace, "pipelineruns") + (f"/{quote(name, safe='')}" if name else "")


def task_runs(namespace: str) -> str:
    """Return the path of a namespace's TaskRuns."""
    return _tekton(namespace, "taskruns")


def core(namespace: str, kind: str, name: str = "") -> str:
    """Return the path of a namespace's objects of a kind of the core, e.g. `pods`, or of one."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/{kind}" + (f"/{quote(name, safe='')}" if name else "")


def _tekton(namespace: str, kind: str) -> str:
    return f"/apis/tekton.dev/v1/namespaces/{quote(namespace, safe='')}/{kind}"


def config_maps(namespace: str) -> str:
    """Return the path of a namespace's ConfigMaps."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"


class Kubernetes:
    """A client for what steps do. Threads may share it."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._tls = ssl.create_default_context(cafile=str(access.folder / "ca.crt"))
        self._lock = threading.Lock()
        self._kept: HTTPConnection | None = None

    def connect(self) -> None:
        """Open the connection before it is needed. That it cannot be is told by the first request."""
        try:
            with self._lock:
                self._kept = self._kept or self._connection(_SECONDS)
        except OSError:
            return

    def __enter__(self) -> "Kubernetes":
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept:
            self._kept.close()

    def get(self, path: str, **query: str) -> Object:
        """Return an object, or a list."""
        return self._request("GET", path, query)

    def patch(self, path: str, change: Mapping[str, Any], *, merge: bool = False) -> Object:
        """Make a strategic merge patch, or a JSON merge patch, and return the object as it is then.

        Raises ConflictError if the patch names the version that it was made for, and that is not the object's any more.
        """
        kind = "application/merge-patch+json" if merge else "application/strategic-merge-patch+json"
        return self._request("PATCH", path, {"fieldManager": FIELD_MANAGER}, change, kind)

    def items(self, path: str, **query: str) -> Iterator[Object]:
        """Yield the objects of a list, which is read in pages: a run with its Tasks' sources is large."""
        page: str | None = ""
        while page is not None:
            found = self.get(path, limit="50", **query, **({"continue": page} if page else {}))
            yield from found["items"]
            page = found["metadata"].get("continue") or None

    def delete(self, path: str) -> None:
        """Delete an object. What it owns goes later."""
        self._request("DELETE", path, {"propagationPolicy": "Background"})

    def replace(self, path: str, value: Mapping[str, Any]) -> Object:
        """Replace an object, and return it. Raises ConflictError if it is another one than `value` was read from."""
        return self._request("PUT", path, {"fieldManager": FIELD_MANAGER}, value, "application/json")

    def watch(self, path: str, version: str, seconds: float) -> Iterator[Object]:
        """Yield an object each time that it has changed since `version`, for as long as that; maybe shorter.

        Ends when it is deleted, and whenever the API server has enough of it.
        """
        collection, _, name = path.rpartition("/")
        bound = max(1, round(seconds))
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(bound),
        }
        try:
            connection = self._connection(seconds + 1)
        except OSError:
            time.sleep(min(1.0, seconds))
            return
        try:
            connection.request("GET", f"{collection}?{urlencode(query)}", headers=self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise _error(response.status, response.read(_LARGEST))
            while line := response.readline(_LARGEST):
                event = json.loads(line)
                if event["type"] not in ("ADDED", "MODIFIED"):
                    return
                yield event["object"]
        except (OSError, HTTPException, ValueError):
            return
        finally:
            connection.close()

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str | None = None,
    ) -> Object:
        """Ask, and again where the connection broke or the server has too much to do.

        A change that was made all the same conflicts with its repetition, or is made once more: each names the version that
        it is for, or may be made twice.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        attempt = 1
        while True:
            try:
                status, answer, after = self._exchange(method, target, data, content_type)
            except (OSError, HTTPException) as error:
                if attempt == _ATTEMPTS:
                    raise ApiError(0, "", f"no answer: {error}") from error
                after = "0" if attempt == 1 else "1"
            else:
                if status < 300:
                    found: Object = json.loads(answer)
                    return found
                if after is None or attempt == _ATTEMPTS or status not in (429, 500, 502, 503, 504):
                    raise _error(status, answer)
            time.sleep(min(float(after) if after.isdigit() else 1.0, 10.0))
            attempt += 1

    def _exchange(
        self, method: str, target: str, data: bytes | None, content_type: str | None
    ) -> tuple[int, bytes, str | None]:
        with self._lock:
            connection, self._kept = self._kept or self._connection(_SECONDS), None
            try:
                more = {"Content-Type": content_type} if content_type else {}
                connection.request(method, target, body=data, headers=self._headers() | more)
                response = connection.getresponse()
                answer = response.read(_LARGEST)
            except BaseException:
                connection.close()
                raise
            if not response.will_close:
                self._kept = connection
            return response.status, answer, response.headers.get("Retry-After")

    def _headers(self) -> dict[str, str]:
        token = (self._access.folder / "token").read_text().strip()
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def _connection(self, seconds: float) -> HTTPConnection:
        made = HTTPSConnection(self._access.host, self._access.port, timeout=seconds, context=self._tls)
        made.connect()
        return made


def _error(status: int, answer: bytes) -> ApiError:
    try:
        found = json.loads(answer)
        reason, message = str(found.get("reason") or ""), str(found.get("message"))
    except (ValueError, AttributeError):
        reason, message = "", f"status {status}"
    return _ERRORS.get(reason, ApiError)(status, reason, message)
