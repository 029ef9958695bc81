"""The webhook: the listener, what the forge has for it, and what it told last."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from offline.needs.values import App, Needs
from operate.doctor import listening, webhook
from operate.doctor.api import Api
from operate.doctor.http import Http
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import Answered, Asked, FakeCluster, serving
from tests.operate.doctor.test_forge import APP

On = Callable[[FakeCluster], AbstractContextManager[Api]]
AT = "/repos/acme/chespirito/hooks"
LISTENER = "/apis/apps/v1/namespaces/staging-ci/deployments/el-chespirito-github-el"
RUNS = "/apis/tekton.dev/v1/namespaces/staging-ci/pipelineruns"


def hook(url: str, **changes: Any) -> dict[str, Any]:
    config = {"url": url, "content_type": "json", "insecure_ssl": "0"} | changes.pop("config", {})
    events = ["pull_request", "push", "issue_comment"]
    return {"id": 1, "active": True, "events": events, "config": config} | changes


def asked(staging: Needs, hooks: Callable[[str], Answered], *, live: int = 200, delivery: Any = None) -> list[Row]:
    delivered = [{"status_code": 202, "status": "OK", "delivered_at": "today"}] if delivery is None else delivery

    def handler(asked: Asked) -> Answered:
        if asked.where == "/live":
            return live, {}
        if asked.where.endswith("/deliveries"):
            return 200, delivered
        return hooks(served.url) if asked.where == AT else (404, {})

    with serving(handler) as served:
        forge = replace(staging.forge, kind="github", api_url=served.url, token="t")
        listener = replace(staging.listener, address=served.url, exposed=True)
        return list(webhook.rows(replace(staging, forge=forge, listener=listener), None, Http()))


def test_a_webhook_as_needed_is_fine(staging: Needs) -> None:
    rows = asked(staging, lambda url: (200, [hook("https://elsewhere.example"), hook(f"{url}/")]))
    assert [row.state for row in rows] == ["fine"] * 3, rows


def test_a_webhook_that_init_registered_is_fine(staging: Needs) -> None:
    rows = asked(staging, lambda url: (200, [hook(f"{url}/?tekton-delivery=staging.0123456789ab")]))
    assert [row.state for row in rows] == ["fine"] * 3, rows


@pytest.mark.parametrize(("app", "state"), [(True, "unknown"), (False, "wrong")])
def test_no_webhook_of_the_repository_is_no_mistake_where_an_app_may_have_its_own(
    staging: Needs, app: bool, state: str
) -> None:
    made = App(id="Iv23li", installation="1", key=None, rights={}) if app else None
    forge = replace(staging.forge, app=made)
    rows = asked(replace(staging, forge=forge), lambda url: (200, []))
    assert [row.state for row in rows if "has a webhook" in row.what] == [state]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": False}, "it is switched off"),
        ({"config": {"content_type": "form"}}, "its content type is form"),
        ({"config": {"insecure_ssl": "1"}}, "it verifies no certificate"),
        ({"events": ["push"]}, "it does not tell of pull requests, comments"),
        ({"events": ["pull_request", "issue_comment"]}, "it does not tell of pushes"),
    ],
)
def test_a_setting_of_a_webhook_that_is_otherwise_is_named(staging: Needs, changes: Any, said: str) -> None:
    wrong = [row for row in asked(staging, lambda url: (200, [hook(url, **changes)])) if row.state == "wrong"]
    assert [row.said for row in wrong] == [said]


def test_a_webhook_that_leads_elsewhere_is_wrong(staging: Needs) -> None:
    (wrong,) = [row for row in asked(staging, lambda url: (200, [hook("https://other.example")])) if row.state == "wrong"]
    assert "there are: https://other.example" in wrong.said


def test_a_delivery_that_was_not_taken_is_wrong(staging: Needs) -> None:
    lost = [{"status_code": 502, "status": "Bad Gateway", "delivered_at": "today"}]
    (wrong,) = [row for row in asked(staging, lambda url: (200, [hook(url)]), delivery=lost) if row.state == "wrong"]
    assert wrong.said == "Bad Gateway (502) at today"


def test_something_else_that_answers_there_is_wrong(staging: Needs) -> None:
    (wrong,) = [row for row in asked(staging, lambda url: (200, [hook(url)]), live=404) if row.state == "wrong"]
    assert wrong.what.startswith("the listener answers at ")


def test_who_may_not_read_webhooks_is_told_which_token_may(staging: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORGE_TOKEN", raising=False)
    (unknown,) = [row for row in asked(staging, lambda url: (403, {})) if row.state == "unknown"]
    assert unknown.mend.startswith("FORGE_TOKEN with a token that may read webhooks")


def test_a_listener_that_is_not_exposed_cannot_be_asked(staging: Needs) -> None:
    (row,) = webhook.reachable(staging, Http())
    assert row.state == "unknown"


@pytest.mark.parametrize(
    ("found", "new", "state"),
    [
        ({"status": {"availableReplicas": 1}}, False, "fine"),
        ({"status": {}}, False, "wrong"),
        (None, True, "unknown"),
        (None, False, "wrong"),
    ],
)
def test_the_listener_s_pod_has_to_run(on: On, staging: Needs, found: Any, new: bool, state: str) -> None:
    with on(FakeCluster({LISTENER: found} if found else {})) as api:
        assert listening.listener(staging, api, new=new).state == state


def test_the_last_run_that_a_webhook_started_is_told(on: On, staging: Needs) -> None:
    def run(name: str, at: str, listener: str) -> Any:
        labels = {"triggers.tekton.dev/eventlistener": listener, "triggers.tekton.dev/triggers-eventid": "x"}
        return {"metadata": {"name": name, "creationTimestamp": at, "labels": labels}}

    own = "chespirito-github-el"
    runs = [run("b", "2026-02", own), run("a", "2026-01", own), run("c", "2026-03", "another")]
    with on(FakeCluster({RUNS: {"items": runs}})) as api:
        row = listening.heard(staging, api)
        assert (row.state, row.said) == ("fine", "the last one started b at 2026-02")
    with on(FakeCluster({RUNS: {"items": runs[2:]}})) as api:
        assert listening.heard(staging, api).state == "unknown"


def test_a_webhook_that_is_off_is_told_where_nobody_knows_which_way_leads_here(staging: Needs) -> None:
    with serving(lambda asked: (200, [hook("http://other.example", active=False), hook("http://on.example")])) as served:
        forge = replace(staging.forge, api_url=served.url, token="t")
        (row,) = webhook.webhook(replace(staging, forge=forge), Http(), "acme/chespirito")
    assert row.said.endswith("there are: http://other.example (switched off), http://on.example")


def test_one_that_is_on_counts_beside_one_that_is_off(staging: Needs) -> None:
    rows = asked(staging, lambda url: (200, [hook(url, active=False), hook(url)]))
    assert [row.state for row in rows] == ["fine"] * 3, rows


HOOK = {"url": "", "content_type": "json", "insecure_ssl": "0", "secret": "********"}
TAKEN = {"status_code": 202, "status": "OK", "delivered_at": "2026-11-28T02:00:00Z"}
LOST = {"status_code": 502, "status": "Bad Gateway", "delivered_at": "2026-11-28T01:00:00Z"}


def asked_app(
    staging: Needs,
    config: Callable[[str], Answered],
    deliveries: Any = (TAKEN,),
    *,
    events: tuple[str, ...] = ("issue_comment", "pull_request", "push"),
    hooks: Callable[[str], Answered] = lambda url: (403, {}),
    token: str | None = None,
    app: Answered | None = None,
    exposed: bool = True,
) -> list[Row]:
    """Ask a GitHub that has an App, and tells it of itself by its own signature alone."""

    def handler(asked: Asked) -> Answered:
        if asked.where == "/live":
            return 200, {}
        if asked.where == AT:
            return hooks(served.url)
        if asked.where == f"{AT}/1/deliveries":
            return 200, [LOST]
        if asked.bearer.count(".") != 2:
            return 401, {"message": "A JSON web token could not be decoded"}
        if asked.where == "/app":
            return app or (200, {"id": 99, "events": list(events)})
        if asked.where == "/app/hook/deliveries":
            return 200, list(deliveries)[: int(asked.query["per_page"])]
        return config(served.url) if asked.where == "/app/hook/config" else (404, {})

    with serving(handler) as served:
        forge = replace(staging.forge, kind="github", api_url=served.url, token=token, app=APP)
        listener = replace(staging.listener, address=served.url, exposed=exposed)
        return list(webhook.rows(replace(staging, forge=forge, listener=listener), None, Http()))[1:]


def states(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.state, row.what) for row in rows]


OWN, LAST = "the GitHub App Iv1 has a webhook for this stack", "the last delivery to the webhook of the App Iv1 was taken"


@pytest.fixture
def alone(staging: Needs, monkeypatch: pytest.MonkeyPatch) -> Needs:
    monkeypatch.delenv("FORGE_TOKEN", raising=False)
    return staging


@pytest.mark.parametrize("end", ["", "/", "/?tekton-delivery=staging.0123456789ab"])
def test_a_webhook_of_the_app_itself_is_enough(alone: Needs, end: str) -> None:
    rows = asked_app(alone, lambda url: (200, HOOK | {"url": f"{url}{end}"}))
    assert states(rows) == [("fine", OWN), ("fine", LAST)]
    assert rows[1].said == TAKEN["delivered_at"]


def test_what_is_otherwise_with_it_is_named(alone: Needs) -> None:
    config = {"content_type": "form", "insecure_ssl": "1"}
    rows = asked_app(alone, lambda url: (200, HOOK | config | {"url": url}), events=("push",))
    assert [row.said for row in rows if row.state == "wrong"] == [
        "its content type is form",
        "it verifies no certificate",
        "it does not tell of pull requests, comments",
    ]
    assert rows[0].mend.startswith("on the App's page at GitHub: ")


def test_its_deliveries_that_failed_are_told(alone: Needs) -> None:
    def found(*deliveries: Any) -> tuple[str, str]:
        row = asked_app(alone, lambda url: (200, HOOK | {"url": url}), deliveries)[-1]
        assert row.what == LAST
        return row.state, row.said

    one = "Bad Gateway (502) at 2026-11-28T01:00:00Z"
    assert found() == ("unknown", "there is none yet")
    assert found(LOST, TAKEN) == ("wrong", one)
    assert found(*[LOST] * 5) == ("wrong", f"{one}, {one}, {one} and 2 more")
    assert found(TAKEN, LOST, TAKEN) == ("advised", f"it was, and 1 of the last 3 were not: {one}")
    assert found({"status_code": None, "status": "timed out\x1b[31m", "delivered_at": "today"}) == (
        "wrong",
        "timed out [31m (None) at today",
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {"message": "Not Found"}), "it has no webhook active"),
        ((200, HOOK), "it has no webhook active"),
        ((200, HOOK | {"url": "https://example.com/"}), "its own leads to https://example.com/, not to http"),
        ((401, {"message": "Bad credentials"}), "that is not told: 401 Bad credentials"),
    ],
)
def test_one_that_tells_nobody_here_is_one_line(alone: Needs, answer: Answered, said: str) -> None:
    own, repository = asked_app(alone, lambda url: answer)
    assert (own.state, own.what, own.said.startswith(said)) == ("unknown", OWN, True), own.said
    assert "Active" in own.mend
    assert repository.state == "unknown"
    _, wrong = asked_app(alone, lambda url: answer, hooks=lambda url: (200, []), token="t")
    assert (wrong.state, said in wrong.said) == ("wrong", True), "neither has one"
    fine, *others = asked_app(alone, lambda url: answer, hooks=lambda url: (200, [hook(url)]), token="t")
    assert (fine.state, fine.said.endswith("; each repository has one")) == ("fine", True)
    assert [row.state for row in others] == ["fine", "wrong"], "its delivery failed"


def test_events_that_are_not_told_are_not_called_wrong(alone: Needs) -> None:
    rows = asked_app(alone, lambda url: (200, HOOK | {"url": url}), app=(502, {"message": "Server Error"}))
    assert states(rows) == [("unknown", OWN), ("fine", LAST)]
    assert rows[0].said == "its events are not told: 502 Server Error"


@pytest.mark.parametrize(
    ("url", "said"), [("https://example.com/", "its own leads to https://example.com/"), ("", "it has no webhook active")]
)
def test_an_address_that_only_the_cluster_knows_is_not_advised(alone: Needs, url: str, said: str) -> None:
    row, *_ = asked_app(alone, lambda _: (200, HOOK | {"url": url}), exposed=False)
    assert (row.state, row.what, row.mend) == ("unknown", OWN, "")
    assert row.said == f"which way leads to the listener is not known here; {said}"


def test_a_delivery_that_was_sent_again_and_taken_is_not_advised(alone: Needs) -> None:
    def state(*deliveries: Any) -> str:
        return asked_app(alone, lambda url: (200, HOOK | {"url": url}), deliveries)[-1].state

    assert state(TAKEN | {"guid": "a"}, LOST | {"guid": "a"}) == "fine"
    assert state(TAKEN | {"guid": "b"}, LOST | {"guid": "a"}) == "advised", "the control"
    assert state(TAKEN | {"guid": "b"}, LOST | {"guid": "a"}, TAKEN | {"guid": "a"}) == "advised", "it failed after that"
    assert state(LOST | {"guid": "a"}, TAKEN | {"guid": "a"}) == "wrong", "nobody takes any now"


def test_a_key_that_is_none_is_told(alone: Needs) -> None:
    forge = replace(alone.forge, kind="github", app=replace(APP, key="none"))
    rows = list(webhook.by_app(replace(alone, forge=forge), Http(), replace(APP, key="none")))
    assert states(rows) == [("unknown", OWN)]
