"""How the stand-in for the API server is spoken to."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from tests.steps.objects import Object

TOKEN = "a token"


class RefusedError(Exception):
    """An answer that refuses."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"kind": "Status", "code": status, "reason": reason, "message": message}
        self.status = status


class Answers(Protocol):
    """What it serves."""

    def answer(self, method: str, path: str, query: dict[str, str], body: Object) -> Object: ...

    def watched(self, path: str, query: dict[str, str], send: Callable[[Object], None]) -> None: ...


def handler(cluster: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            at = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(at.query).items()}
            if query.get("watch"):
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                cluster.watched(at.path, query, self._send)
                self.wfile.write(b"0\r\n\r\n")
                return
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            try:
                status, answer = 200, cluster.answer(self.command, at.path, query, body)
            except RefusedError as refused:
                status, answer = refused.status, refused.answer
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_PUT = do_PATCH = do_POST = do_DELETE = do_GET  # noqa: N815

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client has gone
                self.close_connection = True

        def _send(self, event: Object) -> None:
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
