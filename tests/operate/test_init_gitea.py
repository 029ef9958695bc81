"""`operate init` on Gitea, as far as answers go that the embedded one does not give (`tests/e2e/test_init.py` has those)."""

import json
from typing import Any

import pytest
import urllib3

from operate.errors import OperateError
from operate.init.gitea import Gitea
from operate.init.registered import Rule, Webhook
from tests.operate.initiating import plain_answer

CONFIG = {"url": "https://hooks.example.com/", "content_type": "json"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Gitea answers next; a number is a status."""
    given: list[Any] = []

    def request(method: str, url: str, **more: Any) -> Any:
        assert more["headers"]["Authorization"] == "token secret-token"
        assert more["retries"] is False, "a redirection would take the token elsewhere"
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return plain_answer(data, status)

    monkeypatch.setattr(urllib3, "request", request)
    return given


@pytest.fixture
def gitea() -> Gitea:
    return Gitea("https://git.example.com/api/v1", "secret-token")


def hook(*events: str) -> dict[str, Any]:
    return {"id": 1, "active": True, "events": list(events), "config": CONFIG}


def test_events_are_known_by_the_names_that_gitea_tells(gitea: Gitea, answers: list[Any]) -> None:
    wanted = Webhook(CONFIG["url"], gitea.events(builds=True, comments=False))
    answers += [
        [hook("push", "pull_request_sync", "pull_request"), hook("push", "pull_request", "pull_request_label")],
        [],
    ]
    right, more = gitea.webhooks("acme/shop")
    assert right.same(wanted)
    assert not more.same(wanted)


def test_lists_are_read_to_their_end(gitea: Gitea, answers: list[Any]) -> None:
    answers += [[hook("push")] * 50, [hook("push")] * 3, []]
    assert len(gitea.webhooks("acme/shop")) == 53
    assert answers == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            (404, {"message": "not there"}),
            "GET https://git.example.com/api/v1/repos/acme/shop: the forge answers 404: not there",
        ),
        ((302, b""), "the forge answers 302"),
        ((500, b"<html>\x1b[2J"), r"the forge answers 500: <html>"),
        (urllib3.exceptions.ConnectTimeoutError(None, "", "too long"), "has no answer"),
    ],
)
def test_a_refusal_is_one_error_without_the_token(gitea: Gitea, answers: list[Any], answer: Any, error: str) -> None:
    answers.append(answer)
    with pytest.raises(OperateError, match=error) as refused:
        gitea.repository("acme/shop")
    assert "secret-token" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_change_that_is_not_answered_may_have_been_made(gitea: Gitea, answers: list[Any]) -> None:
    silent = urllib3.exceptions.ReadTimeoutError(None, "", "too long")  # type: ignore[arg-type]
    answers += [silent, silent]
    with pytest.raises(OperateError, match="too long; it may have been made: run this again"):
        gitea.add_key("acme/shop", "a", "ssh-ed25519 A")
    with pytest.raises(OperateError, match=r"too long$"):
        gitea.repository("acme/shop")


def test_a_check_without_a_source_makes_no_rule(gitea: Gitea) -> None:
    assert gitea.rules("acme/shop") == []
    with pytest.raises(OperateError, match="have no source"):
        gitea.put_rule("acme/shop", Rule("x", ("main",), ("tekton-delivery/promotable",), 1), None)
