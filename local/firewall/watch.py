"""Objects of the API server, listed and then watched, each kind in a thread of its own."""

import base64
import http.client
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import yaml

T = TypeVar("T")
Object = dict[str, Any]

# How long the API server serves a watch, in seconds; a connection that says nothing for longer is dead.
SERVED = 300
PAUSE = 0.5


class GoneError(Exception):
    """What was watched can no longer be followed from where it was: it has to be listed again."""


@dataclass(frozen=True)
class Server:
    """The API server, as the user of a kubeconfig."""

    host: str
    port: int
    tls: ssl.SSLContext

    def get(self, path: str, **query: object) -> http.client.HTTPResponse:
        """Ask for a path. Raises OSError where the server does not answer, GoneError where it refuses."""
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=SERVED + 30)
        connection.request("GET", f"{path}?{urlencode(query)}", headers={"Accept": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            connection.close()
            raise GoneError(f"{path}: {response.status} {response.reason}")
        return response


def server(kubeconfig: Path) -> Server:
    """Return the server of a kubeconfig whose user has a certificate."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    url = urlsplit(cluster["server"])
    tls = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    # Python takes a certificate and its key from a file only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
        file.flush()
        tls.load_cert_chain(file.name)
    return Server(str(url.hostname), url.port or 443, tls)


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


class Kind(Generic[T]):
    """What the API server has of one kind, as this engine reads it."""

    def __init__(self, path: str, read: Callable[[Object], T | None], changed: Callable[[], None]) -> None:
        self.path = path
        self._read = read
        self._changed = changed
        self._objects: dict[tuple[str, str], T] = {}
        self._lock = threading.Lock()
        self.listed = False

    def objects(self) -> dict[tuple[str, str], T]:
        """Return namespace and name → object."""
        with self._lock:
            return dict(self._objects)

    def follow(self, api: Server) -> None:
        """List and watch, for ever. What the server refuses or ends is begun again."""
        while True:
            try:
                version = self._list(api)
                while True:
                    version = self._watch(api, version)
            except (GoneError, OSError, http.client.HTTPException, json.JSONDecodeError) as error:
                print(f"{self.path}: {error!r}; listed again", flush=True)
                time.sleep(PAUSE)

    def _list(self, api: Server) -> str:
        with api.get(self.path) as response:
            found = json.load(response)
        read = {_key(item): value for item in found["items"] if (value := self._read(item)) is not None}
        with self._lock:
            self._objects = read
            self.listed = True
        self._changed()
        return str(found["metadata"]["resourceVersion"])

    def _watch(self, api: Server, version: str) -> str:
        """Take in what changes, until the server ends it; the version up to which that is known."""
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": SERVED}
        with api.get(self.path, **query) as response:
            for event in _events(response):
                if event["type"] == "ERROR":
                    raise GoneError(event["object"].get("message", "error"))
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self.take(event["type"], event["object"])
        return version

    def take(self, what: str, item: Object) -> None:
        """Take one event in: ADDED, MODIFIED or DELETED."""
        key, value = _key(item), None if what == "DELETED" else self._read(item)
        with self._lock:
            if self._objects.get(key) == value:
                return
            if value is None:
                del self._objects[key]
            else:
                self._objects[key] = value
        self._changed()


def _events(response: http.client.HTTPResponse) -> Iterator[Object]:
    # A line is an event; iterating over the response would wait for a block to fill.
    while line := response.readline():
        yield json.loads(line)


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
