"""Stand-ins for the forge and for lists of the API server: HTTP servers that answer as a test says."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

SHA = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "token-of-the-forge"
AT = "/api/v1/repos/acme/shop"

# In place of a status: hang up, or send the answer without anything that HTTP has before it.
HANG_UP, RAW = 0, 1


@dataclass(frozen=True)
class Call:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def bearer(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")


@dataclass
class Server:
    """What it says, and what it was asked and told."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: list[Callable[[str, str], tuple[int, Any] | None]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    """How long its clients waited before they asked again."""

    def says(self, part: str, body: Any = None, status: int = 200, *, method: str = "", times: int = -1) -> None:
        """Answer so where the path has this part; a later word counts before an earlier one."""
        left = [times]

        def answer(asked: str, path: str) -> tuple[int, Any] | None:
            if part not in path or method not in ("", asked) or left[0] == 0:
                return None
            left[0] -= 1
            return status, body

        self.answers.insert(0, answer)

    def answer(self, method: str, path: str) -> tuple[int, bytes]:
        for answers in self.answers:
            found = answers(method, path)
            if found:
                status, body = found
                return status, body if isinstance(body, bytes) else json.dumps(body).encode()
        return 200, b"{}"

    @property
    def asked(self) -> list[str]:
        """Each request's method and path."""
        return [f"{call.method} {call.path}" for call in self.calls]


class Forge(Server):
    """The forge."""

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def pulls(self, *pages: list[dict[str, Any]]) -> None:
        """Have these pull requests open, page by page."""
        self.says("/pulls?", [])
        for number, page in enumerate(pages, 1):
            self.says(f"/pulls?state=open&per_page=30&limit=30&page={number}", page)

    @property
    def statuses(self) -> dict[tuple[str, str], tuple[str, str]]:
        """What it was told, or was asked to take: commit and context to state and description."""
        told = {}
        for call in self.calls:
            if call.method == "POST" and "/statuses/" in call.path:
                assert call.body.keys() - {"target_url"} == {"state", "context", "description"}
                assert call.path.startswith(f"{AT}/statuses/")
                told[call.path.rpartition("/")[2], call.body["context"]] = (call.body["state"], call.body["description"])
        return told

    @property
    def status(self) -> tuple[str, str]:
        """The status of the run's own commit in its environment."""
        return self.statuses[SHA, "tekton-delivery/staging"]


@dataclass
class Api(Server):
    """The API server."""

    folder: Path = Path()

    @property
    def env(self) -> dict[str, str]:
        host, _, port = self.url.rpartition("/")[2].partition(":")
        return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "API_ACCESS": str(self.folder)}

    def has(self, kind: str, items: list[dict[str, Any]], page: int = 1000) -> None:
        """Have a list of these, which is told in pages."""
        for start in range(0, max(1, len(items)), page):
            more = {"continue": f"from-{start + page}"} if start + page < len(items) else {}
            found = {"items": items[start : start + page], "metadata": more}
            self.says(f"/{kind}?", found) if start == 0 else self.says(f"continue=from-{start}", found)

    def refuses(self, part: str, message: str = "no", *, reason: str = "Forbidden", method: str = "") -> None:
        """Refuse what the path has."""
        status = {"Forbidden": 403, "NotFound": 404}[reason]
        self.says(part, {"reason": reason, "message": message}, status, method=method)


S = TypeVar("S", bound=Server)


@contextmanager
def serving(made: S, tls: ssl.SSLContext | None = None) -> Iterator[S]:
    """Serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def _handler(made: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            made.calls.append(Call(self.command, self.path, dict(self.headers), body))
            status, text = made.answer(self.command, self.path)
            if status in (HANG_UP, RAW):
                self.wfile.write(b"" if status == HANG_UP else text)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            if status // 100 == 3:
                self.send_header("Location", f"{made.url}/elsewhere")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client has gone
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
