"""The step mint where a token is not to be had: what is told, and when it tries again."""

import re
import time
from unittest import mock

import pytest

from steps.signals import CODE
from tests.steps.conftest import Sandbox
from tests.steps.minter import SHOP, TILL, Clock, data, installed, mint, token, written
from tests.steps.server import HANG_UP, RAW, Api, Forge


@pytest.fixture
def app(asked: Forge) -> Forge:
    return installed(asked)


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


def test_what_ended_it_is_shown_and_what_comes_then_is_tried_in_the_pod(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """The kubelet starts it again at once for the first time only, and `pulumi up` waits for 180 s."""
    app.says(SHOP, {}, 401)
    assert mint(sandbox, app, lists, Clock(100)).code == 1
    clock = Clock(8)
    result = mint(sandbox, app, lists, clock)
    assert result.code == CODE, "it is told to end, and goes on until then"
    assert clock.waits == [10.0, 20.0, 40.0, *[60.0] * 5]
    assert not any(clock.ready)
    dated = [line for line in result.err.splitlines() if re.match("20[-0-9]+T[0-9:]+Z error: acme/shop: .* 401", line)]
    assert len(dated) == 8


def test_a_forge_that_is_mended_is_heard_within_a_minute(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    app.answers.clear()
    app.says(TILL, token("ghs_till", "Globex/Till"), 201)
    app.says(SHOP, token("ghs_shop", "acme/shop"), 201)
    app.says(SHOP, {}, 401, times=3)
    assert mint(sandbox, app, lists).code == 1
    clock = Clock(4)
    mint(sandbox, app, lists, clock)
    assert (clock.waits, clock.ready) == ([10.0, 20.0, 60.0, 60.0], [False, False, True, True])


def test_another_reason_is_shown_too_but_not_without_end(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """Kubernetes would start it ever later."""
    ended = []
    for status in (401, 404, 401, 404, 404):
        app.says(SHOP, {}, status)
        ended.append(mint(sandbox, app, lists, Clock(5)).code)
    assert ended == [1, 1, 1, CODE, CODE]


def test_another_reason_after_long_is_shown_however_often_it_has_ended(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """The kubelet has forgotten by then."""
    for status in (401, 404, 401):
        app.says(SHOP, {}, status)
        mint(sandbox, app, lists)
    app.answers.clear()
    app.says("/access_tokens", {}, 404)
    app.says(SHOP, {}, 401, times=3)
    clock = Clock(100)
    assert mint(sandbox, app, lists, clock).code == 1
    assert 660 <= sum(clock.waits) < 720
    assert [mint(sandbox, app, lists, Clock(5)).code, mint(sandbox, app, lists, Clock(5)).code] == [CODE, CODE]


def test_a_redirect_is_told_with_what_may_be_wrong_with_the_address(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://git.example.com/login?return_to=x\r\nContent-Length: 0\r\n\r\n"
    app.says(SHOP, moved, RAW)
    told = mint(sandbox, app, lists).err
    assert "answers 302, a redirect to https://git.example.com/login, which is not followed; see to forge.apiUrl: " in told
    assert '"http:" in place of "https:", no "/api/v3"' in told
    assert {call.path.partition("/app")[2] for call in app.calls} == {SHOP, TILL}


def test_an_outage_is_waited_out(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    app.answers.clear()
    app.says(SHOP, {}, 501)
    app.says(TILL, token("ghs_till", "Globex/Till"), 201)
    app.says(SHOP, token("ghs_shop", "acme/shop"), 201, times=1)
    clock = Clock(30)
    result = mint(sandbox, app, lists, clock)
    assert result.code == CODE, "the token that there is opens its repository still"
    assert all(clock.ready)
    assert result.err.count("error: acme/shop") == 10, "after 20 minutes once a minute"
    assert [data(change) for change in written(lists)][1:] == [{"globex.till": "ghs_till"}] * 10


def test_tokens_that_have_ended_end_it(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    app.answers.clear()
    app.says("/access_tokens", {}, 501)
    app.says(SHOP, token("ghs_shop", "acme/shop"), 201, times=1)
    app.says(TILL, token("ghs_till", "Globex/Till"), 201, times=1)
    clock, began = Clock(100), time.time()
    with mock.patch("steps.mint.time.time", side_effect=lambda: began + clock.now - 1000):
        result = mint(sandbox, app, lists, clock)
    assert result.code == 1
    assert 3540 <= sum(clock.waits) <= 3660
    assert not (sandbox.root / "ready").exists()
