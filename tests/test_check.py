"""The pull-request check: what its comment says, and that there is one comment however often it is written."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from offline.check import comment as comments
from offline.check.manifests import changes
from offline.check.report import LIMIT, MARKER, SECTION_LINES, Findings, comment
from offline.policy import Violation
from tests.support import ROOT, Object


def config_map(name: str, **data: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "staging"}, "data": data}


NOTHING = Findings(changes=[], reach="", violations=[], preview=None)


def test_objects_are_compared_one_by_one_whatever_the_order_of_their_keys() -> None:
    same = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "data": {"b": "2", "a": "1"},
        "metadata": {"namespace": "n", "name": "s"},
    }
    old = [config_map("gone"), config_map("kept", a="1", b="2"), same]
    turned = {key: same[key] for key in reversed(same)} | {"data": {"a": "1", "b": "2"}}
    found = list(changes(old, [config_map("kept", a="1", b="3"), config_map("new"), turned]))
    assert [(each.what, each.title) for each in found] == [
        ("removed", "ConfigMap staging/gone"),
        ("changed", "ConfigMap staging/kept"),
        ("added", "ConfigMap staging/new"),
    ]
    assert "-  b: '2'" in found[1].lines
    assert "+  b: '3'" in found[1].lines


def test_the_comment_begins_with_its_marker_and_one_line_for_each_stack() -> None:
    changed = list(changes([], [config_map("new")]))
    reach = "trigger t\n  pod\n  + step  our script  secret staging/token\n"
    preview = "  ~ Deployment\nResources:\n    ~ 2 to update\n    63 unchanged\n"
    found = {"staging": Findings(changed, reach, [Violation("pinned-images", "Job x")], preview), "production": NOTHING}
    lines = comment(found, "main", "By us.").splitlines()
    assert lines[0] == MARKER
    assert "| staging | 1 added | **differs** | **1 broken** | 2 update, 63 unchanged |" in lines
    assert "| production | the same | the same | kept | not run here |" in lines
    assert "+   step  our script  secret staging/token" in lines
    assert "pinned-images: Job x" in lines
    assert sum(line.startswith("<details>") for line in lines) == 4


def test_of_a_preview_the_comment_shows_what_changes() -> None:
    preview = [
        "    pulumi:pulumi:Stack tekton-delivery-staging  ",
        " ~  kubernetes:core/v1:Secret listener-webhook-secret refreshing ",
        " ~  kubernetes:core/v1:Secret listener-webhook-secret refresh ",
        "    kubernetes:core/v1:Secret listener-webhook-secret  ",
        " ~  kubernetes:core/v1:ConfigMap staging-freeze update [diff: ~metadata]",
        " +  kubernetes:core/v1:Namespace more create ",
        "    pulumi:pulumi:Stack tekton-delivery-staging  2 messages",
        "Resources:",
        "    ~ 1 to update",
    ]
    shown = comment({"staging": Findings([], "", [], "\n".join(preview))}, "main", "By us.").splitlines()
    assert [line for line in preview if line in shown] == preview[4:]


@pytest.mark.parametrize("text", ["error: preview failed\n", "Policies:\n    ❌ tekton-delivery@v0.1.0\n"])
def test_a_preview_that_failed_is_called_so(text: str) -> None:
    found = {"staging": Findings([], "", [], text)}
    assert "| **fails** |" in comment(found, "main", "By us.")


def test_what_a_branch_writes_stays_inside_its_fence() -> None:
    hostile = list(changes([], [config_map("x", text="```\n</details> @everybody\n````\n")]))
    lines = comment({"staging": Findings(hostile, "", [], None)}, "main", "By us.").splitlines()
    fences = [line for line in lines if line.startswith("`````")]
    assert fences == ["`````diff", "`````"]


def test_a_comment_is_never_longer_than_a_forge_takes() -> None:
    many = list(changes([], [config_map(f"m{number}", text="x" * 500) for number in range(400)]))
    one = comment({"staging": Findings(many, "", [], None)}, "main", "By us.")
    assert len([line for line in one.splitlines() if line.startswith("+")]) <= SECTION_LINES
    assert "more lines: make pull-request-check AGAINST=main" in one
    all_of_them = comment({f"s{number}": Findings(many, "", [], None) for number in range(9)}, "main", "By us.")
    assert len(all_of_them) <= LIMIT + 100
    assert all_of_them.endswith("\n\nMore: `make pull-request-check AGAINST=main`\n")
    assert all_of_them.count("<details>") == all_of_them.count("</details>")


def test_this_revision_does_not_differ_from_itself() -> None:
    """Only what is committed is the other side; a rendering that is not stable would show here."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    dirty = subprocess.run(["git", "status", "--porcelain", "--", "components", "__main__.py", "Pulumi.staging.yaml"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout  # fmt: skip
    command = [sys.executable, "-m", "offline.check", "--against", head, "staging"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    if not dirty:
        assert "| staging | the same | the same | kept | not run here |" in answer.stdout
    assert answer.stdout.startswith(MARKER)


def test_a_revision_that_is_not_there_is_one_message() -> None:
    command = [sys.executable, "-m", "offline.check", "--against", "v999"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: --against v999: ")
    assert len(answer.stderr.splitlines()) == 1


class Forge:
    """The comments of one pull request, as GitHub (pages) and Gitea (everything on each page) answer."""

    def __init__(self, pages: bool) -> None:
        self.pages = pages
        self.comments: list[Object] = []
        self.tokens: set[str] = set()
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def answer(self, body: object) -> None:
                forge.tokens.add(self.headers["Authorization"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def sent(self) -> str:
                return str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])

            def do_GET(self) -> None:
                assert self.path.startswith("/repos/acme/shop/issues/7/comments?per_page=100&page=")
                page = int(self.path.rpartition("=")[2])
                self.answer(forge.comments[(page - 1) * 100 : page * 100] if forge.pages else forge.comments)

            def do_POST(self) -> None:
                assert self.path == "/repos/acme/shop/issues/7/comments"
                self.answer(forge.add("bot", self.sent()))

            def do_PATCH(self) -> None:
                (found,) = (each for each in forge.comments if self.path == f"/repos/acme/shop/issues/comments/{each['id']}")
                found["body"] = self.sent()
                self.answer(found)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def add(self, user: str, body: str) -> Object:
        number = len(self.comments) + 1
        self.comments.append({"id": number, "user": {"login": user}, "body": body, "html_url": f"https://forge/{number}"})
        return self.comments[-1]


@pytest.fixture(params=[True, False], ids=["github", "gitea"])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    forge = Forge(request.param)
    thread = threading.Thread(target=forge.server.serve_forever)
    thread.start()
    yield forge
    forge.server.shutdown()
    thread.join()
    forge.server.server_close()


def written(forge: Forge, text: str) -> str:
    url = f"http://127.0.0.1:{forge.server.server_port}"
    return comments.PullRequest(url, "acme/shop", 7, "bot", "t0ken").write(text)


def test_there_is_one_comment_however_often_it_is_written(forge: Forge) -> None:
    for number in range(120):
        forge.add("somebody", f"remark {number}")
    first = written(forge, f"{MARKER}\nfirst\n")
    assert written(forge, f"{MARKER}\nsecond\n") == first == "https://forge/121"
    assert [each["body"] for each in forge.comments[120:]] == [f"{MARKER}\nsecond\n"]
    assert forge.tokens == {"token t0ken"}


def test_somebody_elses_comment_with_the_marker_is_left_alone(forge: Forge) -> None:
    forge.add("attacker", f"{MARKER}\nall is well\n")
    written(forge, f"{MARKER}\nthe truth\n")
    assert [each["body"].splitlines()[1] for each in forge.comments] == ["all is well", "the truth"]


def test_the_comment_command_needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-S", "-m", "offline.check.comment", "--help"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
