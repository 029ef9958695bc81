"""deploy.sh: the smoke check, and what a wrong answer brings back."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.tasks.scripts.conftest import Sandbox, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.deploy.step import NEW, OLD, deploy, reason
from tests.tasks.scripts.kube import Cluster

pytestmark = [needs_jq, in_the_tools_images_shell]

SMOKE = {"PARAM_SMOKE_URL": "http://shop.staging.svc:80/version", "PARAM_SMOKE_CONTAINS": "version 2"}


def answering(sandbox: Sandbox, *answers: tuple[str, str]) -> None:
    """Let the application answer, with status and body: the last answer again and again."""
    for number, (status, body) in enumerate(answers):
        sandbox.file(f"status-{number}", status)
        sandbox.file(f"body-{number}", body)
    sandbox.file("asked", "0")
    sandbox.stub(
        "curl",
        f"""
cd '{sandbox.root}'
number=$(cat asked)
[ "$number" -ge {len(answers) - 1} ] || echo $((number + 1)) >asked
cat "body-$number"
cat "status-$number" >&2
grep -q 000 "status-$number" && exit 7 || true""",
    )


def test_the_smoke_check_asks_what_the_settings_say(sandbox: Sandbox, cluster: Cluster) -> None:
    answering(sandbox, ("200", "this is version 2\n"))
    result = deploy(sandbox, **SMOKE)
    assert result.code == 0, result.err
    assert reason(sandbox).startswith("serves on staging")
    (call,) = sandbox.called("curl")
    assert call[-1] == SMOKE["PARAM_SMOKE_URL"]


def test_without_one_nothing_is_asked(sandbox: Sandbox, cluster: Cluster) -> None:
    answering(sandbox, ("500", ""))
    assert deploy(sandbox).code == 0
    assert sandbox.called("curl") == []


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        ("500", "version 2", "500 instead of 200"),
        ("200", "version 1", "an answer without 'version 2'"),
        ("000", "", "no answer instead of 200"),
    ],
)
def test_a_wrong_answer_brings_back_what_served_before(
    sandbox: Sandbox, cluster: Cluster, status: str, body: str, wrong: str
) -> None:
    answering(sandbox, (status, body))
    result = deploy(sandbox, **SMOKE)
    assert result.code == 1
    assert cluster.image == OLD
    assert cluster.notes["commit"] == "c" * 40
    assert reason(sandbox) == f"smoke check of sha256:{'b' * 64} got {wrong}; restored sha256:{'a' * 64}"
    assert cluster.verbs().count("rollout status") == 2, "that the former one serves is waited for"
    assert cluster.holder is None


def test_a_wrong_answer_is_asked_again_for_a_while(sandbox: Sandbox, cluster: Cluster) -> None:
    answering(sandbox, ("503", ""), ("200", "version 2"))
    assert deploy(sandbox, PARAM_SMOKE_SECONDS="30", **SMOKE).code == 0
    assert len(sandbox.called("curl")) == 2


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
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("wanted", "code", "image"), [("version 2", 0, NEW), ("version 3", 1, OLD)])
def test_of_an_answer_without_end_no_more_than_its_beginning_is_taken(
    sandbox: Sandbox, cluster: Cluster, endless: str, wanted: str, code: int, image: str
) -> None:
    (sandbox.bin / "curl").symlink_to(str(shutil.which("curl")))
    result = deploy(sandbox, PARAM_SMOKE_URL=endless, PARAM_SMOKE_CONTAINS=wanted)
    assert result.code == code, result.err
    assert cluster.image == image
    assert (sandbox.root / "answer").stat().st_size == 1 << 20
    assert Endless.sent < 1 << 24, "nobody reads on"
