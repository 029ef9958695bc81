"""The API server, by one connection that is kept. Its token is read anew for each request: a step may outlive it."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from steps.inputs import given
from steps.refusals import FINAL, NO_ANSWER, disbelieved, refusal
from steps.refusals import ApiError as ApiError
from steps.refusals import ConflictError as ConflictError
from steps.refusals import ForbiddenError as ForbiddenError
from steps.refusals import NotFoundError as NotFoundError

Object = dict[str, Any]

# Deliveries write under this name. It starts neither with `kubectl` nor with `pulumi`: Pulumi's Kubernetes provider folds
# managers with those prefixes into its own and would roll the image back.
FIELD_MANAGER = "tekton-delivery"
# On a TaskRun and its pod: what the Pipeline calls the task.
PIPELINE_TASK = "tekton.dev/pipelineTask"

_SECONDS = 30.0
_ATTEMPTS = 4
# The largest object that the API server stores is smaller, and a list that a step reads has few.
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the API server is reached."""

    host: str = given("KUBERNETES_SERVICE_HOST")
    port: int = given("KUBERNETES_SERVICE_PORT")
    folder: Path = given("API_ACCESS")
    """With the files `token` and `ca.crt`."""


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


def jobs(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's Jobs, or of one."""
    path = f"/apis/batch/v1/namespaces/{quote(namespace, safe='')}/jobs"
    return path + (f"/{quote(name, safe='')}" if name else "")


def _tekton(namespace: str, kind: str) -> str:
    return f"/apis/tekton.dev/v1/namespaces/{quote(namespace, safe='')}/{kind}"


class Kubernetes:
    """A client for what steps do. Threads may share it."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._tls = ssl.create_default_context(cafile=str(access.folder / "ca.crt"))
        self._lock = threading.Lock()
        self._kept: HTTPConnection | None = None
        self._until: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Ask again for as long as that, and no longer, where the API server does not answer. For one thread."""
        former, until = self._until, time.monotonic() + seconds
        self._until = until if former is None else min(former, until)
        try:
            yield
        finally:
            self._until = former

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

    def create(self, path: str, value: Mapping[str, Any]) -> Object:
        """Create an object, and return it."""
        return self._request("POST", path, {"fieldManager": FIELD_MANAGER}, value, "application/json")

    def delete(self, path: str) -> None:
        """Delete an object. What it owns goes later."""
        self._request("DELETE", path, {"propagationPolicy": "Background"})

    def replace(self, path: str, value: Mapping[str, Any]) -> Object:
        """Replace an object, and return it. Raises ConflictError if it is another one than `value` was read from."""
        return self._request("PUT", path, {"fieldManager": FIELD_MANAGER}, value, "application/json")

    def watch(self, path: str, version: str, seconds: float) -> Iterator[Object]:
        """Yield an object each time that it has changed since `version`, for as long as that; maybe shorter.

        Ends when it is deleted, and, after a moment, whenever the API server has enough of it or does not answer.
        """
        collection, _, name = path.rpartition("/")
        return self.watch_list(collection, version, seconds, fieldSelector=f"metadata.name={name}")

    def watch_list(self, collection: str, version: str, seconds: float, **selector: str) -> Iterator[Object]:
        """Yield the objects of a list as they have come or changed since the list's `version`; it ends as `watch` does."""
        query = {
            "watch": "true",
            **selector,
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        try:
            connection = self._connection(max(0.0, seconds) + 1)
            try:
                connection.request("GET", f"{collection}?{urlencode(query)}", headers=self._headers())
                response = connection.getresponse()
                if response.status != 200:
                    raise refusal(response.status, response.read(_LARGEST))
                while line := response.readline(_LARGEST):
                    event = json.loads(line)
                    if event["type"] == "DELETED":
                        return
                    if event["type"] not in ("ADDED", "MODIFIED"):
                        break
                    yield event["object"]
                else:
                    return
            finally:
                connection.close()
        except ssl.SSLCertVerificationError as error:
            raise disbelieved(error) from error
        except ApiError as error:
            if not error.passing and error.status != 410:  # the version is too old
                raise
        except (OSError, HTTPException, ValueError):
            pass
        time.sleep(max(0.0, min(1.0, seconds)))

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
            until = self._until
            last = attempt >= _ATTEMPTS if until is None else time.monotonic() >= until
            try:
                status, answer, after = self._exchange(method, target, data, content_type)
                if status < 300:
                    return _object(answer)
            except ssl.SSLCertVerificationError as error:
                raise disbelieved(error) from error
            except (OSError, HTTPException) as error:
                if last:
                    raise ApiError(NO_ANSWER, "", f"no answer: {error or type(error).__name__}") from error
                after = "0" if attempt == 1 else "1"
            else:
                refused = refusal(status, answer)
                if last or not refused.passing or (after is None and until is None):
                    raise refused
            wait = min(float(after) if after and after.isdecimal() else 1.0, 10.0)
            time.sleep(wait if until is None else max(0.0, min(wait, until - time.monotonic())))
            attempt += 1

    def _exchange(
        self, method: str, target: str, data: bytes | None, content_type: str | None
    ) -> tuple[int, bytes, str | None]:
        # Half of the time that is left: a connection that is dead leaves the other half to a new one.
        left = _SECONDS if self._until is None else (self._until - time.monotonic()) / 2
        seconds = max(1.0, min(_SECONDS, left))
        with self._lock:
            connection, self._kept = self._kept or self._connection(seconds), None
            try:
                connection.timeout = seconds
                if connection.sock:
                    connection.sock.settimeout(seconds)
                more = {"Content-Type": content_type} if content_type else {}
                connection.request(method, target, body=data, headers=self._headers() | more)
                response = connection.getresponse()
                answer = response.read(_LARGEST + 1)
                if len(answer) > _LARGEST:
                    raise ApiError(FINAL, "", f"more than {_LARGEST} bytes for {target}")
                if response.length:
                    raise HTTPException("it was cut off")
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


def _object(answer: bytes) -> Object:
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPException("it is no JSON object")
    return found
