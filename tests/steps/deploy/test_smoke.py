"""Deploy: the smoke check, and what a wrong answer brings back."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.steps.api import Cluster
from tests.steps.conftest import Sandbox
from tests.steps.deploy.step import NEW, OLD, deploy, reason

SMOKE = {"PARAM_SMOKE_CONTAINS": "version 2"}


@dataclass
class Application:
    """Answers with status and body: the last answer again and again. The status 000 is no answer."""

    answers: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            status, body = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            if status != "000":
                self.send_response(int(status))
                self.end_headers()
                self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_port}/version"
        yield made
        server.shutdown()
        thread.join()


def test_the_smoke_check_asks_what_the_settings_say(sandbox: Sandbox, cluster: Cluster, application: Application) -> None:
    application.answers = [("200", "this is version 2\n")]
    result = deploy(sandbox, PARAM_SMOKE_URL=application.url, **SMOKE)
    assert result.code == 0, result.err
    assert reason(sandbox).startswith("serves on staging")
    assert application.asked == ["/version"]


def test_path_and_query_are_asked_as_they_stand(sandbox: Sandbox, cluster: Cluster, application: Application) -> None:
    odd = "/../(b)/$c;d,e=f'!~@/?full=1&x=%5B1-3%5D&y=a?b*c"
    application.answers = [("200", "this is version 2\n")]
    result = deploy(sandbox, PARAM_SMOKE_URL=f"{application.url}{odd}", **SMOKE)
    assert result.code == 0, result.err
    assert application.asked == [f"/version{odd}"]


def test_without_one_nothing_is_asked(sandbox: Sandbox, cluster: Cluster, application: Application) -> None:
    application.answers = [("500", "")]
    assert deploy(sandbox).code == 0
    assert application.asked == []


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        ("500", "version 2", "500 instead of 200"),
        ("200", "version 1", "an answer without 'version 2'"),
        ("000", "", "no answer instead of 200"),
    ],
)
def test_a_wrong_answer_brings_back_what_served_before(
    sandbox: Sandbox, cluster: Cluster, application: Application, status: str, body: str, wrong: str
) -> None:
    application.answers = [(status, body)]
    result = deploy(sandbox, PARAM_SMOKE_URL=application.url, **SMOKE)
    assert result.code == 1
    assert cluster.image == OLD
    assert cluster.notes["commit"] == "c" * 40
    assert reason(sandbox) == f"smoke check of sha256:{'b' * 64} got {wrong}; restored sha256:{'a' * 64}"
    assert cluster.waits == 2, "that the former one serves is waited for"
    assert cluster.holder is None


def test_a_wrong_answer_is_asked_again_for_a_while(sandbox: Sandbox, cluster: Cluster, application: Application) -> None:
    application.answers = [("503", ""), ("200", "version 2")]
    assert deploy(sandbox, PARAM_SMOKE_URL=application.url, PARAM_SMOKE_SECONDS="30", **SMOKE).code == 0
    assert len(application.asked) == 2


class Endless(BaseHTTPRequestHandler):
    """Answers in chunks, which tell no length, until nobody listens any more."""

    protocol_version = "HTTP/1.1"
    sent = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunk = b"%x\r\nversion 2%s\r\n" % (65536, b"." * (65536 - 9))
        try:
            while Endless.sent < 1 << 30:
                self.wfile.write(chunk)
                Endless.sent += 65536
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endless() -> Iterator[str]:
    Endless.sent = 0
    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("wanted", "code", "image"), [("version 2", 0, NEW), ("version 3", 1, OLD)])
def test_of_an_answer_without_end_no_more_than_its_beginning_is_taken(
    sandbox: Sandbox, cluster: Cluster, endless: str, wanted: str, code: int, image: str
) -> None:
    result = deploy(sandbox, PARAM_SMOKE_URL=endless, PARAM_SMOKE_CONTAINS=wanted)
    assert result.code == code, result.err
    assert cluster.image == image
    assert Endless.sent < 1 << 24, "nobody reads on"
