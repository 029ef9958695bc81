"""A forge, a registry or an API server that is down for a moment, or limits requests: that says nothing of a stack."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from offline.needs.values import Needs, Right
from operate.doctor import git, registry, webhook
from operate.doctor.api import Api
from operate.doctor.http import Http
from tests.operate.doctor.fakes import Answered, Asked, FakeCluster, FakeRegistry, serving
from tests.operate.doctor.test_forge import APP, GOOD
from tests.operate.doctor.test_forge import asked as asked_forge
from tests.operate.doctor.test_probes import Pods, tried
from tests.operate.doctor.test_registry import CLEANER, DIGEST, READER, WRITER, fake
from tests.operate.doctor.test_registry import asked as asked_registry
from tests.operate.doctor.test_webhook import asked as asked_webhook

On = Callable[[FakeCluster], AbstractContextManager[Api]]
DOWN: list[Any] = [
    (502, {"message": "Server Error"}),
    (429, {"message": "Too Many Requests"}),
    (403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0"}),
    (403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "60"}),
]
KINDS = ("502", "429", "limit", "secondary limit")


@pytest.mark.parametrize("answer", DOWN, ids=KINDS)
@pytest.mark.parametrize("call", GOOD, ids=lambda call: str(call).rpartition("/")[2])
def test_no_token_is_called_wrong_by_a_forge_that_is_down(staging: Needs, call: str, answer: Answered) -> None:
    of_app = {"app": APP, "token": None} if call.partition(" ")[2].startswith("/app/") else {}
    with asked_forge(staging, {call: answer}, **of_app) as (rows, _):
        assert {row.state for row in rows} in ({"unknown"}, {"fine", "unknown"}), rows
        # Nobody is known by commits; the owner stands in.
        assert call.endswith("/commits") or str(answer[1]["message"]) in str(rows)


@pytest.mark.parametrize("answer", DOWN, ids=KINDS)
def test_no_webhook_is_called_wrong_by_it(staging: Needs, monkeypatch: pytest.MonkeyPatch, answer: Answered) -> None:
    monkeypatch.delenv("FORGE_TOKEN", raising=False)
    (row,) = [row for row in asked_webhook(staging, lambda url: answer) if row.state != "fine"]
    assert (row.state, row.said, row.mend) == ("unknown", f"the forge answers {answer[0]} {answer[1]['message']}", "")


def test_a_webhook_s_deliveries_that_are_not_answered_are_one_unknown_line(staging: Needs) -> None:
    forge = replace(staging.forge, api_url="http://127.0.0.1:9")
    (row,) = webhook._deliveries(Http(), forge, "it", "/app/hook/deliveries", "t")
    assert (row.state, "refused" in row.said) == ("unknown", True)


def test_what_leads_to_a_listener_is_not_taken_for_something_else(staging: Needs) -> None:
    for status, why in ((503, "what leads there does not reach it"), (404, "something else answers there")):
        with serving(lambda asked, status=status: (status, {})) as served:  # type: ignore[misc]
            listener = replace(staging.listener, address=served.url, exposed=True)
            (wrong,) = webhook.reachable(replace(staging, listener=listener), Http())
        assert wrong.said == f"{status} at /live, so {why}"


@pytest.mark.parametrize("answer", [*DOWN, None], ids=[*KINDS, "silent"])
def test_no_permission_is_missed_where_an_app_gets_no_token(staging: Needs, answer: Answered | None) -> None:
    with serving(lambda asked: answer or (500, {})) as served:
        url = served.url if answer else "http://127.0.0.1:9"
        forge = replace(staging.forge, git_url=url, api_url=url, fetches_by_app=True, app=APP, git_token=None)
        rows = list(git.rows(replace(staging, forge=forge), Http()))
    assert [(row.state, row.mend) for row in rows] == [("unknown", "")]


@dataclass
class Down(FakeRegistry):
    """A registry, or who makes its tokens, that is down where `where` says so."""

    where: str = ""
    answer: Answered = (502, {})

    def __call__(self, asked: Asked) -> Answered:
        if asked.where == self.where or (self.where.startswith("/manifests") and self.where in asked.where):
            return self.answer
        return super().__call__(asked)


@pytest.mark.parametrize("answer", DOWN, ids=KINDS)
@pytest.mark.parametrize(
    ("where", "realm"),
    [("/v2/", ""), ("/v2/", "tokens"), ("/token", "tokens"), ("/manifests/", ""), ("/v2/acme/shop/tags/list", "")],
)
def test_no_user_is_called_wrong_by_a_registry_that_is_down(
    staging: Needs, where: str, realm: str, answer: Answered
) -> None:
    of = fake()
    of.rights["reader", "platform/tools"] = "pull"
    made = Down(of.passwords, of.rights, realm=realm, manifests={f"platform/tools@{DIGEST}"}, where=where, answer=answer)
    with asked_registry(staging, made, WRITER, READER, CLEANER, images=(f"platform/tools@{DIGEST}",)) as (rows, _):
        states = {row.state for row in rows}
    # Whether a repository is empty matters to nobody who may read it.
    assert states == ({"fine"} if where.endswith("/list") else {"unknown"}), rows


def test_nobody_is_let_in_by_a_registry_that_is_down(staging: Needs) -> None:
    """The user of base images, of whom nothing else is tried."""
    of = fake()
    with serving(Down(of.passwords, of.rights, where="/v2/")) as served:
        found = replace(staging, rights=(Right(READER, served.url, ""),), images=())
        assert [row.state for row in registry.rows(found, Http())] == ["unknown"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_no_pod_is_called_refused_by_an_api_server_that_is_down(on: On, staging: Needs, status: int) -> None:
    made = Pods({}, {})
    made.on_create = lambda path, body: (status, {"message": "etcd leader changed"}) if path.endswith("/pods") else None
    (row,) = tried(on, staging, made)
    assert (row.state, row.said) == ("unknown", "etcd leader changed")
    assert len(made.deleted) == 1
