"""Forges that answer slowly, without end or packed: `operate init` and `deliver` end with one error."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from operate import bounded
from operate.errors import OperateError
from operate.forge import pull_request
from operate.init.gitea import Gitea
from operate.init.github import GitHubForge

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Writes = Callable[[Any, threading.Event], None]


def slow_body(file: Any, over: threading.Event) -> None:
    file.write(HEAD + b"Content-Length: 1000\r\n\r\n")
    while not over.wait(0.05):
        file.write(b" ")


def slow_head(file: Any, over: threading.Event) -> None:
    file.write(HEAD + b"X: ")
    while not over.wait(0.05):
        file.write(b"x")


def endless(file: Any, over: threading.Event) -> None:
    file.write(HEAD + b"Content-Length: 3000000000\r\n\r\n")
    while not over.is_set():
        file.write(b" " * 65536)


def packed(file: Any, over: threading.Event) -> None:
    data = gzip.compress(b" " * 20_000_000)
    file.write(HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)


@contextmanager
def serving(writes: Writes) -> Iterator[str]:
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                writes(self.wfile, over)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


ASKED: list[Callable[[str], Any]] = [
    lambda url: GitHubForge(url, "t").repository("acme/shop"),
    lambda url: Gitea(url, "t").repository("acme/shop"),
    lambda url: pull_request(url, "acme/shop", 1),
]


@pytest.mark.parametrize("ask", ASKED, ids=["github", "gitea", "deliver"])
@pytest.mark.parametrize(
    ("writes", "told"),
    [(slow_body, "within 1 s"), (slow_head, "within 1 s"), (endless, "more than 8388608 bytes"), (packed, "is packed")],
)
def test_it_ends(ask: Callable[[str], Any], writes: Writes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 1.0 if "within" in told else 20.0
    real = bounded.within
    monkeypatch.setattr(bounded, "within", lambda asked, _: real(asked, seconds))
    began = time.monotonic()
    with serving(writes) as url, pytest.raises(OperateError, match=told):
        ask(url)
    assert time.monotonic() - began < 15


def test_an_environments_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(file: Any, over: threading.Event) -> None:
        file.write(b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nproxy")

    with serving(answer) as url:
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(OperateError, match="the forge answers 403: proxy"):
            GitHubForge("http://github.example/api/v3", "t").repository("acme/shop")
