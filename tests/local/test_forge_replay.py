"""GitHub's published bodies with another repository in them, and the signature."""

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.errors import UserError
from local.forge.replay import replay, rewrite, send, sign

FIXTURES = Path(__file__).parents[1] / "fixtures" / "github"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))
HEAD = "1" * 40
MERGE = "2" * 40


def load(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return body


def rewritten(name: str, **options: Any) -> dict[str, Any]:
    return rewrite(load(name), repository="acme/chespirito", head_sha=HEAD, **options)


def test_signature_of_the_example_in_githubs_documentation() -> None:
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign(b"Hello, World!", "It's a Secret to Everybody") == expected


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_published_repository_is_left(name: str) -> None:
    body = rewritten(name)
    text = json.dumps(body)
    assert load(name)["pull_request"]["head"]["sha"] not in text
    assert "Codertocat/Hello-World" not in text
    assert body["repository"]["full_name"] == "acme/chespirito"
    assert body["repository"]["name"] == "chespirito"
    assert body["repository"]["owner"]["login"] == "acme"
    assert body["repository"]["ssh_url"] == "git@github.com:acme/chespirito.git"
    assert body["repository"]["clone_url"] == "https://github.com/acme/chespirito.git"


@pytest.mark.parametrize("name", NAMES)
def test_the_commits_and_the_base_are_ours(name: str) -> None:
    pull = rewritten(name, base_ref="release")["pull_request"]
    assert pull["head"]["sha"] == HEAD
    assert pull["statuses_url"].endswith(f"acme/chespirito/statuses/{HEAD}")
    assert pull["base"]["ref"] == "release"
    assert pull["base"]["label"] == "acme:release"
    assert pull["base"]["repo"]["full_name"] == "acme/chespirito"


def test_a_merge_has_its_commit() -> None:
    body = rewritten("closed_merged", merge_sha=MERGE)
    assert (body["action"], body["pull_request"]["merged"]) == ("closed", True)
    assert body["pull_request"]["merge_commit_sha"] == MERGE


def test_an_update_says_what_came_after() -> None:
    assert rewritten("synchronize")["after"] == HEAD


def test_a_fork_stays_a_fork() -> None:
    head = rewritten("fork_opened")["pull_request"]["head"]
    assert head["repo"]["full_name"] == "octocat/Hello-World"
    assert head["repo"]["owner"]["login"] == "octocat"
    assert head["repo"]["fork"] is True
    assert head["label"] == "octocat:changes"


def test_another_number_is_everywhere() -> None:
    body = rewritten("opened", number=41)
    assert body["number"] == body["pull_request"]["number"] == 41
    assert body["pull_request"]["html_url"] == "https://github.com/acme/chespirito/pull/41"
    assert body["pull_request"]["_links"]["issue"]["href"].endswith("/issues/41")


def test_the_published_body_is_not_changed() -> None:
    payload = load("opened")
    rewrite(payload, repository="acme/chespirito", head_sha=HEAD, number=41)
    assert payload == load("opened")


@pytest.fixture
def listener() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """An address, and the requests that reach it."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def test_it_is_sent_as_github_sends_it(listener: tuple[str, list[tuple[dict[str, str], bytes]]]) -> None:
    url, received = listener
    answer = replay(load("opened"), repository="acme/chespirito", head_sha=HEAD, secret="s3cret", url=url, delivery="42-42")
    assert answer.status_code == 202
    [(headers, body)] = received
    assert headers["content-type"] == "application/json"
    assert headers["x-github-event"] == "pull_request"
    assert headers["x-github-delivery"] == "42-42"
    assert headers["x-hub-signature-256"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert json.loads(body)["pull_request"]["head"]["sha"] == HEAD


def test_without_a_secret_there_is_no_signature(listener: tuple[str, list[tuple[dict[str, str], bytes]]]) -> None:
    url, received = listener
    send(b"{}", url=url, secret=None)
    [(headers, _)] = received
    assert "x-hub-signature-256" not in headers


def test_a_listener_that_does_not_answer_is_named() -> None:
    with pytest.raises(UserError, match=r"no answer from http://127.0.0.1:1"):
        send(b"{}", url="http://127.0.0.1:1", secret="s")
