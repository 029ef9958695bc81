"""The forge's client against answers that Gitea 1.26.0 gives."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.errors import UserError
from local.forge import client as client_module
from local.forge.administration import Administration
from local.forge.api import ApiError
from local.forge.client import Gitea

REPOSITORY = "acme/chespirito"
PULL = {
    "number": 3,
    "title": "A change",
    "head": {"ref": "change", "sha": "a" * 40},
    "base": {"ref": "main", "sha": "b" * 40},
    "state": "open",
    "merged": False,
    "merge_commit_sha": None,
    "html_url": "http://forge.internal:3000/acme/chespirito/pulls/3",
}


class Forge:
    """Answers requests from a table, and remembers them."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.requests: list[tuple[str, Any]] = []
        self.authorization = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        what = f"{request.method} {request.url.path.removeprefix('/api/v1')}"
        self.authorization = request.headers.get("Authorization", "")
        self.requests.append((what, json.loads(request.content) if request.content else None))
        answer = self.answers.get(what, httpx.Response(404, json={"message": "not found"}))
        if isinstance(answer, list):
            answer = answer.pop(0)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def made(self, method: str) -> list[tuple[str, Any]]:
        return [request for request in self.requests if request[0].startswith(method)]


def gitea(answers: dict[str, Any]) -> tuple[Gitea, Forge]:
    forge = Forge(answers)
    return Gitea("http://forge:3000/", token="t0ken", transport=httpx.MockTransport(forge)), forge


def administration(answers: dict[str, Any]) -> tuple[Administration, Forge]:
    forge = Forge(answers)
    api = Administration("http://forge:3000", user="root", password="secret", transport=httpx.MockTransport(forge))
    return api, forge


def refusing(error: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("connection refused", request=request)

    return handler


def test_a_token_and_a_password_are_sent_as_gitea_wants_them() -> None:
    api, forge = gitea({"GET /repos/acme/chespirito/pulls/3": PULL})
    api.pull_request(REPOSITORY, 3)
    assert forge.authorization == "token t0ken"
    admin, forge = administration({"GET /repos/acme/chespirito/pulls/3": PULL})
    admin.pull_request(REPOSITORY, 3)
    assert forge.authorization == "Basic " + base64.b64encode(b"root:secret").decode()


def test_an_error_says_what_failed_in_giteas_words() -> None:
    refusal = httpx.Response(422, json={"message": "pull request already exists", "errors": ["issue 3"]})
    api, _ = gitea({"POST /repos/acme/chespirito/pulls": refusal})
    with pytest.raises(ApiError) as error:
        api.open_pull_request(REPOSITORY, "change", "A change")
    assert str(error.value) == (
        "Cannot open a pull request from change in acme/chespirito: "
        "the forge answered 422: pull request already exists; issue 3"
    )
    assert error.value.status == 422


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx.Response(502, text="<html>bad gateway"), "<html>bad gateway"),
        (httpx.Response(500), "Internal Server Error"),
        (httpx.Response(409, json={"style": "merge", "message": ""}), "{'style': 'merge', 'message': ''}"),
    ],
)
def test_an_error_without_a_message_shows_what_there_is(response: httpx.Response, reason: str) -> None:
    api, _ = gitea({"GET /repos/acme/chespirito/pulls/3": response})
    with pytest.raises(ApiError) as error:
        api.pull_request(REPOSITORY, 3)
    assert error.value.reason == reason


def test_a_forge_that_does_not_answer_is_named() -> None:
    transport = httpx.MockTransport(refusing(httpx.ConnectError))
    with pytest.raises(UserError, match=r"no answer from the forge at http://forge:3000 \(connection refused\)"):
        Gitea("http://forge:3000", token="t", transport=transport).pull_request(REPOSITORY, 3)


def test_a_commit_makes_its_branch_when_given_a_base() -> None:
    api, forge = gitea({"POST /repos/acme/chespirito/contents": {"commit": {"sha": "c" * 40}}})
    sha = api.commit(REPOSITORY, "change", "Say hello", {"message.txt": "hello\n"}, base="main")
    assert sha == "c" * 40
    _, sent = forge.requests[0]
    assert (sent["branch"], sent["new_branch"]) == ("main", "change")
    assert sent["files"] == [{"operation": "upload", "path": "message.txt", "content": "aGVsbG8K"}]
    api.commit(REPOSITORY, "change", "Again", {"message.txt": b"hello\n"})
    _, sent = forge.requests[1]
    assert sent["branch"] == "change"
    assert "new_branch" not in sent


def test_merge_waits_until_gitea_has_checked_for_conflicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_POLL", 0.0)
    merged = PULL | {"merged": True, "state": "closed", "merge_commit_sha": "d" * 40}
    later = [httpx.Response(405, json={"message": "Please try again later"}) for _ in range(2)]
    api, forge = gitea(
        {
            "POST /repos/acme/chespirito/pulls/3/merge": [*later, httpx.Response(200)],
            "GET /repos/acme/chespirito/pulls/3": merged,
        }
    )
    assert api.merge(REPOSITORY, 3, "squash").merge_commit_sha == "d" * 40
    assert forge.made("POST") == [("POST /repos/acme/chespirito/pulls/3/merge", {"do": "squash"})] * 3


def test_merge_gives_up_on_a_conflict() -> None:
    later = httpx.Response(405, json={"message": "Please try again later"})
    api, _ = gitea({"POST /repos/acme/chespirito/pulls/3/merge": later})
    with pytest.raises(UserError, match="may conflict with its base branch"):
        api.merge(REPOSITORY, 3, within=0.0)


def test_merge_does_not_repeat_a_refusal() -> None:
    refusal = httpx.Response(405, json={"message": "User not allowed to merge PR"})
    api, forge = gitea({"POST /repos/acme/chespirito/pulls/3/merge": refusal})
    with pytest.raises(ApiError, match="User not allowed to merge PR"):
        api.merge(REPOSITORY, 3)
    assert len(forge.requests) == 1


def test_statuses_of_a_commit_without_any() -> None:
    api, _ = gitea({f"GET /repos/acme/chespirito/commits/{'a' * 40}/status": {"statuses": None}})
    assert api.statuses(REPOSITORY, "a" * 40) == {}


def test_lists_are_read_page_by_page() -> None:
    pages = [[PULL | {"number": number} for number in range(50)], [PULL | {"number": 50}]]
    api, _ = gitea({"GET /repos/acme/chespirito/pulls": pages})
    assert [pull.number for pull in api.pull_requests(REPOSITORY)] == list(range(51))


HOOKS = "/repos/acme/chespirito/hooks"


def hook(answers: dict[str, Any], *, url: str = "http://10.0.0.1", secret: str = "s") -> Forge:
    admin, forge = administration(answers)
    admin.ensure_webhook(REPOSITORY, "staging", url, secret)
    return forge


def test_a_webhook_is_made_signed_and_for_pull_requests_their_comments_and_pushes_only() -> None:
    forge = hook({f"GET {HOOKS}": [[]], f"POST {HOOKS}": {}})
    [(_, sent)] = forge.made("POST")
    assert sent["config"] == {"url": "http://10.0.0.1", "content_type": "json", "secret": "s"}
    assert sent["events"] == ["pull_request_only", "pull_request_sync", "pull_request_comment", "push"]
    assert sent["active"] is True
    assert "secret" not in sent["name"]


def test_a_webhook_that_is_right_is_left_alone() -> None:
    [(_, sent)] = hook({f"GET {HOOKS}": [[]], f"POST {HOOKS}": {}}).made("POST")
    present = {"id": 7, "name": sent["name"], "active": True}
    assert [what for what, _ in hook({f"GET {HOOKS}": [[present]]}).requests] == [f"GET {HOOKS}"]


@pytest.mark.parametrize("change", [{"url": "http://10.0.0.2"}, {"secret": "other"}])
def test_a_webhook_that_differs_is_replaced(change: dict[str, str]) -> None:
    [(_, sent)] = hook({f"GET {HOOKS}": [[]], f"POST {HOOKS}": {}}).made("POST")
    present = {"id": 7, "name": sent["name"], "active": True}
    other = {"id": 8, "name": "production 0123456789ab", "active": True}
    forge = hook({f"GET {HOOKS}": [[present, other]], f"POST {HOOKS}": {}, f"DELETE {HOOKS}/7": {}}, **change)
    assert [what for what, _ in forge.requests] == [f"GET {HOOKS}", f"POST {HOOKS}", f"DELETE {HOOKS}/7"]


def test_a_deploy_key_that_may_write_is_replaced() -> None:
    keys = "/repos/acme/chespirito/keys"
    present = {"id": 4, "title": "tekton-delivery", "key": "ssh-ed25519 AAAA", "read_only": False}
    admin, forge = administration({f"GET {keys}": [[present]], f"DELETE {keys}/4": {}, f"POST {keys}": {}})
    admin.ensure_deploy_key(REPOSITORY, "tekton-delivery", "ssh-ed25519 AAAA comment")
    assert forge.made("DELETE") == [(f"DELETE {keys}/4", None)]
    assert forge.made("POST") == [
        (f"POST {keys}", {"title": "tekton-delivery", "key": "ssh-ed25519 AAAA", "read_only": True})
    ]


def test_a_deploy_key_that_is_right_is_left_alone() -> None:
    keys = "/repos/acme/chespirito/keys"
    present = {"id": 4, "title": "tekton-delivery", "key": "ssh-ed25519 AAAA", "read_only": True}
    admin, forge = administration({f"GET {keys}": [[present]]})
    admin.ensure_deploy_key(REPOSITORY, "tekton-delivery", "ssh-ed25519 AAAA comment")
    assert len(forge.requests) == 1


def test_a_user_whose_password_is_not_ours_gets_ours() -> None:
    admin, forge = administration(
        {
            "GET /users/alice": {"login": "alice"},
            "GET /user": httpx.Response(401, json={"message": "user does not exist"}),
            "PATCH /admin/users/alice": {},
        }
    )
    admin.ensure_user("alice", "new-password")
    [(_, sent)] = forge.made("PATCH")
    assert sent["password"] == "new-password"
    assert sent["must_change_password"] is False


def test_a_new_token_replaces_one_of_the_same_name() -> None:
    tokens = "/users/reporter/tokens"
    admin, forge = administration(
        {f"GET {tokens}": [[{"name": "x"}]], f"DELETE {tokens}/x": {}, f"POST {tokens}": {"sha1": "value"}}
    )
    assert admin.new_token("reporter", "x", ["write:repository"]) == "value"
    assert forge.made("POST") == [(f"POST {tokens}", {"name": "x", "scopes": ["write:repository"]})]
    assert len(forge.made("DELETE")) == 1
