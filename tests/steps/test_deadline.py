"""One time for all of an exchange: what never ends its headers, its answer or what follows it holds no step."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from steps import forge, smoke
from steps.deadline import within
from steps.smoke import Smoke
from tests.authority import Authority, authority
from tests.steps.server import Forge, serving

BOUND, LATE = 0.5, 4.0
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What is sent at once, what again and again, and how long it rests between: long enough for no bound of one read.
SLOW = {
    "status": (b"HTTP/1.1 200 ", b"x", 0.05),
    "headers": (b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    "flood of continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"x", 0.05),
    "chunk": (CHUNKED + b"1", b";", 0.05),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: x\r\n", 0.05),
    "flood of trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: x\r\n" * 1000, 0),
}
Opens = Callable[..., str]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("company"), "company")


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest, company: Authority, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext | None:
    """What servers prove themselves by; steps believe it."""
    if request.param == "http":
        return None
    monkeypatch.setenv("SSL_CERT_FILE", str(company.certificate))
    monkeypatch.setattr(forge, "_SYSTEM", company.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*company.signed("IP:127.0.0.1"))
    return context


@contextmanager
def slow(start: bytes, again: bytes, rest: float, tls: ssl.SSLContext | None) -> Iterator[str]:
    """A server that answers so until nobody listens, but not longer than a test may take."""
    ended = threading.Event()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            until = time.monotonic() + LATE + 2
            try:
                self.request.recv(65536)
                self.request.sendall(start)
                while time.monotonic() < until and not ended.wait(rest):
                    self.request.sendall(again)
            except OSError:
                return

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        ended.set()
        server.shutdown()


@pytest.fixture
def opens(tls: ssl.SSLContext | None) -> Iterator[Opens]:
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(slow(*SLOW[kind], tls))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_SECONDS", BOUND)
    monkeypatch.setattr(forge, "_SECONDS", BOUND)
    monkeypatch.setattr(forge, "_ATTEMPTS", 1)


def wrong(url: str) -> str | None:
    return smoke.wrong(Smoke(url=f"{url}/", status="200", contains="{}", seconds=0))


def client(folder: Path, url: str) -> forge.Forge:
    (folder / "token").write_text("a-token")
    token = forge.Token(file=folder / "token")
    return forge.Forge(forge.Api(url=url, repository="acme/shop", token=token, app=None, trust=None))


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.usefixtures("short")
def test_the_smoke_check_ends_in_time(opens: Opens, kind: str) -> None:
    url, start = opens(kind), time.monotonic()
    assert wrong(url) == "no answer instead of 200"
    assert time.monotonic() - start < LATE


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.usefixtures("short")
def test_a_question_to_the_forge_ends_in_time(tmp_path: Path, opens: Opens, kind: str) -> None:
    url, start = opens(kind), time.monotonic()
    with client(tmp_path, url) as asked, pytest.raises(forge.ForgeError, match="does not answer: timed out"):
        asked.get("/pulls")
    assert time.monotonic() - start < LATE


class Good(BaseHTTPRequestHandler):
    """Answers, and remembers by which connection it was asked."""

    protocol_version = "HTTP/1.1"
    connections: list[Any]

    def do_GET(self) -> None:
        self.connections.append(self.client_address)
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"2\r\n{}\r\n0\r\nX: x\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def good(tls: ssl.SSLContext | None) -> Iterator[str]:
    Good.connections = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Good) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_good_answer_is_right(good: str) -> None:
    assert wrong(good) is None


def test_a_kept_connection_outlives_the_bound_of_each_question(
    good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forge, "_SECONDS", 1.0)
    with client(tmp_path, good) as asked:
        for _ in range(3):
            assert asked.get("/pulls") == {}
            time.sleep(0.6)
    assert len(Good.connections) == 3
    assert len(set(Good.connections)) == 1
    assert [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)] == []


def test_what_ends_just_after_its_time_is_late(good: str) -> None:
    """Its connection is not one to keep."""
    host, _, port = good.rpartition("/")[2].partition(":")
    made = HTTPConnection(host, int(port))
    with pytest.raises(TimeoutError, match="timed out"), within(made, 0.1, None):
        time.sleep(0.5)
    made.close()


def test_answers_of_the_forge_have_a_bound(tmp_path: Path) -> None:
    with serving(Forge()) as made:
        made.says("/pulls", b'"%s"' % (b"x" * 8 * 1024 * 1024))
        with client(tmp_path, made.url) as asked, pytest.raises(forge.ForgeError, match="more than 8388608 bytes"):
            asked.get("/pulls")
        made.says("/pulls", b'"%s"' % (b"x" * (8 * 1024 * 1024 - 2)))
        with client(tmp_path, made.url) as asked:
            assert len(asked.get("/pulls")) == 8 * 1024 * 1024 - 2
