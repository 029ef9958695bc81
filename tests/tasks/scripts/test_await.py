"""await.sh: what counts as a service that can be used, and how long it is waited for."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from shutil import which
from time import monotonic

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell

pytestmark = [
    in_the_tools_images_shell,
    pytest.mark.skipif(which("curl") is None, reason="curl is not installed"),
]


def wait(sandbox: Sandbox, port: int, path: str = "", seconds: int = 1) -> Result:
    curl = sandbox.bin / "curl"
    if not curl.exists():
        curl.symlink_to(which("curl") or "")
    env = {"SERVICE": "db", "PORT": str(port), "HTTP_PATH": path, "READY_SECONDS": str(seconds)}
    return sandbox.run("await", **env)


@contextmanager
def listening(answer: Callable[[socket.socket], object] = lambda connection: None) -> Iterator[int]:
    """A port that accepts connections, and does this with each of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


# A path and a query of the settings' form.
ODD = "/a/../(b)/$c;d,e=f'!~@/?full=1&x=%5B1-3%5D&y=a?b*c"


@contextmanager
def answering(*statuses: int) -> Iterator[int]:
    """An HTTP server that answers with each status in turn, and with the last one from then on."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response((left.pop(0) if len(left) > 1 else left[0]) if self.path in ("/health", ODD) else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("greeting", ["silent", "closed", "greeted"])
def test_a_service_that_accepts_connections_is_ready(sandbox: Sandbox, greeting: str) -> None:
    answers: dict[str, Callable[[socket.socket], object]] = {
        "silent": lambda connection: None,
        "closed": lambda connection: connection.close(),
        "greeted": lambda connection: connection.sendall(b"220 hello\r\n"),
    }
    with listening(answers[greeting]) as port:
        result = wait(sandbox, port)
    assert result.code == 0, result.err
    assert result.out.startswith(f"the service db accepts connections on port {port} after ")


def test_where_nothing_listens_the_wait_ends_with_the_reason(sandbox: Sandbox) -> None:
    port, begun = unused(), monotonic()
    result = wait(sandbox, port, seconds=1)
    assert result.code == 1
    assert result.err == f"the service db did not get ready within 1s: nothing accepts connections on port {port}\n"
    assert 0.2 <= monotonic() - begun < 5


def test_a_service_is_waited_for(sandbox: Sandbox) -> None:
    with answering(503, 503, 200) as port:
        result = wait(sandbox, port, "/health", seconds=10)
    assert result.code == 0, result.err


def test_a_port_that_is_open_is_not_enough_where_an_answer_is_wanted(sandbox: Sandbox) -> None:
    with answering(503) as port:
        assert wait(sandbox, port).code == 0, "the control"
        result = wait(sandbox, port, "/health")
    assert result.code == 1
    assert f"nothing answers http://localhost:{port}/health" in result.err


def test_an_answer_of_another_path_is_none(sandbox: Sandbox) -> None:
    with answering(200) as port:
        assert wait(sandbox, port, "/other").code == 1


def test_a_path_is_asked_for_as_it_stands(sandbox: Sandbox) -> None:
    with answering(200) as port:
        result = wait(sandbox, port, ODD)
    assert result.code == 0, result.err
