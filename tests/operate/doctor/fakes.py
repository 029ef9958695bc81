"""A registry, a forge and an API server that are as a test wants them, and a stack that needs them."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answered = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Handler = Callable[["Asked"], Answered]


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None

    @property
    def where(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def basic(self) -> tuple[str, str]:
        """User and password; empty without any."""
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return "", ""
        user, _, password = base64.b64decode(text).decode().partition(":")
        return user, password

    @property
    def bearer(self) -> str:
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        return text if kind == "Bearer" else ""


@dataclass
class Served:
    """Where it answers, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def paths(self, method: str) -> list[str]:
        return [each.path for each in self.asked if each.method == method]


@contextmanager
def serving(handler: Handler) -> Iterator[Served]:
    """Serve what a handler says."""
    made = Served()

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers), json.loads(text) if text else None)
            made.asked.append(asked)
            status, body, *more = handler(asked)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_POST = do_DELETE = do_HEAD = do_PUT = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@dataclass
class FakeRegistry:
    """A registry with rights by repository; by tokens where `realm` is set, else by passwords."""

    passwords: dict[str, str]
    rights: dict[tuple[str, str], str]
    """User (empty: everybody) and repository to `pull push delete`."""
    realm: str = ""
    deletes: bool = True
    absent: set[str] = field(default_factory=set)
    manifests: set[str] = field(default_factory=set)
    """`repository@digest`."""

    def __call__(self, asked: Asked) -> Answered:
        if asked.where == "/token":
            user, password = asked.basic
            if user and self.passwords.get(user) != password:
                return 401, {}
            return 200, {"token": json.dumps([user, asked.query.get("scope", "")])}
        challenge = {"WWW-Authenticate": f'Bearer realm="{self.realm}",service="it"' if self.realm else 'Basic realm="it"'}
        user, scope = self._who(asked)
        if user is None:
            return 401, {}, challenge
        if asked.where == "/v2/":
            return 200, {}, challenge
        return self._in_repository(asked, user, scope)

    def _who(self, asked: Asked) -> tuple[str | None, str]:
        if self.realm:
            if not asked.bearer:
                return None, ""
            user, scope = json.loads(asked.bearer)
            return user, scope
        user, password = asked.basic
        return (user if self.passwords.get(user) == password or ("" in self.passwords and not user) else None), ""

    def _in_repository(self, asked: Asked, user: str, scope: str) -> Answered:
        repository, _, rest = asked.where.removeprefix("/v2/").partition("/manifests/")
        repository = repository.removesuffix("/tags/list")
        action = {"GET": "pull", "HEAD": "pull", "PUT": "push", "DELETE": "delete"}[asked.method]
        asked_for = scope.rpartition(":")[2].split(",")
        if action not in self.rights.get((user, repository), "").split() or (self.realm and action not in asked_for):
            return 401 if not self.realm else 403, {}
        if action == "push":
            return 400, {"errors": [{"code": "DIGEST_INVALID"}]}
        if action == "delete" and not self.deletes:
            return 405, {}
        if asked.where.endswith("/tags/list"):
            return (404, {}) if repository in self.absent else (200, {"tags": []})
        return (200 if f"{repository}@{rest}" in self.manifests else 404), {}


@dataclass
class FakeCluster:
    """An API server with these objects, by path."""

    objects: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    """Paths that are answered by a status."""
    denied: Callable[[dict[str, str]], bool] = lambda attributes: False
    created: list[tuple[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    on_create: Callable[[str, Any], Answered | None] = lambda path, body: None

    def __call__(self, asked: Asked) -> Answered:
        if asked.where in self.refused:
            status = self.refused[asked.where]
            return status, {"message": f"{asked.method} {asked.where} is refused"}
        if asked.where.endswith("subjectaccessreviews"):
            return 201, {"status": {"allowed": not self.denied(asked.body["spec"]["resourceAttributes"])}}
        if asked.method == "POST":
            self.created.append((asked.where, asked.body))
            return self.on_create(asked.where, asked.body) or (201, asked.body)
        if asked.method == "DELETE":
            self.deleted.append(asked.where)
            return 200, {}
        if asked.where in self.objects:
            found = self.objects[asked.where]
            return 200, found
        return 404, {"message": f"{asked.where} not found"}


def kubeconfig(url: str) -> str:
    """The text of a kubeconfig for an API server."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "a", "cluster": {"server": url}}],
            "users": [{"name": "a", "user": {"token": "t"}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "current-context": "a",
        }
    )
