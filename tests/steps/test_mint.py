"""The step mint: a token of an hour for each repository, that reads it and nothing else, in one Secret."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from steps.mint import EXPIRES
from steps.signals import CODE, Cancelled
from tests.steps.conftest import Sandbox
from tests.steps.server import HANG_UP, Api, Forge
from tests.tasks.scripts.conftest import Result

SECRET = "/api/v1/namespaces/staging-ci/secrets/basic-auth"
SHOP, TILL = "/installations/87654321/access_tokens", "/installations/23456789/access_tokens"
READS = {"contents": "read", "metadata": "read"}


def at(minutes: float = 60) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(text: str, repository: str, **more: Any) -> dict[str, Any]:
    """What GitHub answers: https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app"""
    repositories = [{"id": 1, "full_name": repository}]
    return {
        "token": text,
        "expires_at": at(),
        "permissions": READS,
        "repository_selection": "selected",
        "repositories": repositories,
    } | more


@pytest.fixture
def app(asked: Forge) -> Forge:
    asked.says(SHOP, token("ghs_shop", "acme/shop"), 201)
    asked.says(TILL, token("ghs_till", "Globex/Till"), 201)
    return asked


class Clock:
    """What a minter waits for; after so many rounds it is told to end. `refuses`: the API server takes nothing."""

    def __init__(self, rounds: int = 1, *, refuses: bool = False) -> None:
        self.now, self.left, self.refuses = 1000.0, rounds, refuses
        self.waits: list[float] = []
        self.ready: list[bool] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@contextmanager
def ticking(clock: Clock, ready: Path) -> Iterator[None]:
    """Each minute of waiting takes none."""

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        clock.ready.append(ready.exists())
        clock.left -= 1
        if clock.left <= 0:
            raise Cancelled

    time = mock.patch("steps.mint.time.monotonic", side_effect=lambda: clock.now)
    with mock.patch("steps.mint.time.sleep", sleep), time:
        yield


def given(sandbox: Sandbox, forge: Forge, api: Api) -> dict[str, str]:
    """What its container says."""
    sandbox.stub("openssl", "printf signature")
    return {
        "NAMESPACE": "staging-ci",
        "MINTED_INTO": "basic-auth",
        "MINTED_REPOSITORIES": "acme/shop acme.shop\nGlobex/Till globex.till",
        "API_URL": forge.api,
        "APP_ID": "Iv23liAbCdEf",
        "APP_INSTALLATION": "87654321",
        "APP_INSTALLATIONS": "globex 23456789",
        "APP_KEY_FILE": str(sandbox.file("key", "key")),
        "APP_RIGHTS": '{"contents": "read"}',
        "READY_FILE": str(sandbox.root / "ready"),
        **api.env,
    }


def mint(sandbox: Sandbox, forge: Forge, api: Api, clock: Clock | None = None, there: Any = None) -> Result:
    """Run it for so many minutes; `there` are keys that its Secret has beside."""
    clock = clock or Clock()
    api.says("/secrets/", {"data": {"acme.shop": "", "globex.till": "", **(there or {})}}, method="PATCH")
    if clock.refuses:
        api.refuses("/secrets/")
    with ticking(clock, sandbox.root / "ready"):
        return sandbox.step("mint", **given(sandbox, forge, api))


def written(api: Api) -> list[dict[str, Any]]:
    return [call.body for call in api.calls if call.method == "PATCH"]


def data(body: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in body["data"].items()}


def test_each_repository_gets_a_token_of_its_own(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    result = mint(sandbox, app, lists)
    assert result.code == CODE, result.err
    assert [(call.path.partition("/app")[2], call.body) for call in app.calls] == [
        (SHOP, {"repositories": ["shop"], "permissions": {"contents": "read"}}),
        (TILL, {"repositories": ["Till"], "permissions": {"contents": "read"}}),
    ]
    (change,) = written(lists)
    assert data(change) == {"acme.shop": "ghs_shop", "globex.till": "ghs_till"}
    until = json.loads(change["metadata"]["annotations"][EXPIRES])
    assert until.keys() == {"acme.shop", "globex.till"}
    (call,) = lists.calls
    assert call.path == f"{SECRET}?fieldManager=tekton-delivery"
    assert call.headers["Content-Type"] == "application/merge-patch+json"
    assert (sandbox.root / "ready").exists()


def test_a_token_is_in_no_log(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    result = mint(sandbox, app, lists)
    assert "minted: acme.shop until 20" in result.out
    assert "ghs_" not in result.out + result.err


def test_new_ones_come_long_before_the_old_ones_end(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    clock = Clock(45)
    mint(sandbox, app, lists, clock)
    assert len(written(lists)) == 3, "at the beginning, after 20 minutes and after 40"
    assert set(clock.waits) == {60.0}
    assert all(clock.ready)


def test_what_is_there_for_no_repository_goes(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """A repository that the stack has no more, and the static token that was there before."""
    mint(sandbox, app, lists, there={"acme.former": "eA==", ".git-credentials": "eA=="})
    _, second = written(lists)
    assert second == {"data": {"acme.former": None, ".git-credentials": None}}


def test_it_goes_once_and_not_before_every_token_is_there(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """Later a key may be its successor's, or a static token's that Pulumi has written while the minter is still there."""
    app.says(TILL, {}, 501, times=1)
    mint(sandbox, app, lists, Clock(45), there={"acme.former": "eA=="})
    assert [change for change in written(lists) if "metadata" not in change] == []
    mint(sandbox, app, lists, Clock(45), there={"acme.former": "eA=="})
    assert [change for change in written(lists) if "metadata" not in change] == [{"data": {"acme.former": None}}]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"permissions": READS | {"statuses": "write"}}, "statuses: write"),
        ({"permissions": READS | {"contents": "write"}}, "contents: write"),
        ({"repository_selection": "all"}, "every repository"),
        ({"repositories": [{"full_name": "acme/shop"}, {"full_name": "acme/payroll"}]}, "acme/payroll"),
    ],
)
def test_a_token_that_opens_more_is_put_nowhere(
    sandbox: Sandbox, app: Forge, lists: Api, answer: dict[str, Any], word: str
) -> None:
    app.says(SHOP, token("ghs_shop", "acme/shop", **answer), 201)
    result = mint(sandbox, app, lists)
    assert result.code == 1
    assert f"error: acme/shop: the forge's token for it opens more, {word}" in result.err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]
    assert not (sandbox.root / "ready").exists()


@pytest.mark.parametrize("answer", [{"permissions": ["contents"]}, {"repositories": ["acme/shop"]}, {"repositories": 1}])
def test_an_answer_of_another_form_keeps_no_other_token_back(
    sandbox: Sandbox, app: Forge, lists: Api, answer: dict[str, Any]
) -> None:
    app.says(SHOP, token("ghs_shop", "acme/shop", **answer), 201)
    assert "error: acme/shop: the forge does not say what its token opens" in mint(sandbox, app, lists).err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]


@pytest.mark.parametrize("until", [None, "soon", 5])
def test_a_token_without_an_end_is_none(sandbox: Sandbox, app: Forge, lists: Api, until: Any) -> None:
    app.says(SHOP, token("ghs_shop", "acme/shop", expires_at=until), 201)
    assert "does not say until when" in mint(sandbox, app, lists).err


def test_a_forge_that_says_less_is_taken_at_its_word(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """Of its answer GitHub promises a token and its end."""
    app.says(SHOP, {"token": "ghs_shop", "expires_at": at()}, 201)
    assert mint(sandbox, app, lists).code == CODE


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "its private key is not one of this App's"), (404, "no installation 87654321"), (422, "lacks acme/shop")],
)
def test_the_first_refusal_ends_it_and_says_why(sandbox: Sandbox, app: Forge, lists: Api, status: int, word: str) -> None:
    """That is what `pulumi up` waits for, and tells; the other repository has its token all the same."""
    app.says(SHOP, {}, status)
    result = mint(sandbox, app, lists)
    assert result.code == 1
    assert f"error: acme/shop: the forge gives the GitHub App Iv23liAbCdEf no token (status {status})" in result.err
    assert word in result.err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]


def test_a_forge_that_is_not_there_is_not_asked_for_each_repository(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """Each would take as long, and `pulumi up` waits for the reason."""
    app.says("/access_tokens", None, HANG_UP)
    result = mint(sandbox, app, lists, Clock(100))
    assert result.code == 1
    assert "error: acme/shop: " in result.err
    assert {call.path.partition("/app")[2] for call in app.calls} == {SHOP}


def test_a_secret_that_it_may_not_write_is_named(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    result = mint(sandbox, app, lists, Clock(refuses=True))
    assert result.code == 1
    assert "error: the Secret basic-auth: " in result.err
    assert "ghs_" not in result.err
    assert not (sandbox.root / "ready").exists()


def test_an_outage_is_waited_out_and_told_once_nothing_opens_any_more(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    app.answers.clear()
    app.says(SHOP, {}, 501)
    app.says(TILL, token("ghs_till", "Globex/Till", expires_at=at(600)), 201)
    app.says(SHOP, token("ghs_shop", "acme/shop", expires_at=at(600)), 201, times=1)
    clock = Clock(30)
    result = mint(sandbox, app, lists, clock)
    assert result.code == CODE, "the token that there is opens its repository still"
    assert all(clock.ready)
    assert result.err.count("error: acme/shop") == 10, "after 20 minutes once a minute"
    assert [data(change) for change in written(lists)][1:] == [{"globex.till": "ghs_till"}] * 10


def test_tokens_that_have_ended_end_it(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    app.answers.clear()
    app.says("/access_tokens", {}, 501)
    app.says("/access_tokens", token("ghs_any", "acme/shop", repositories=[], expires_at=at(0.001)), 201, times=2)
    result = mint(sandbox, app, lists, Clock(100))
    assert result.code == 1
    assert not (sandbox.root / "ready").exists()


def test_it_runs_as_its_container_starts_it_until_it_is_told_to_end(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    lists.says("/secrets/", {"data": {}}, method="PATCH")
    result = sandbox.cancelled("mint", sandbox.root / "ready", **given(sandbox, app, lists))
    assert (result.code, result.err) == (CODE, "")
    assert result.out.startswith("minted: acme.shop until ")
