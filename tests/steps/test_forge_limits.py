"""A forge that is asked too often says when to come back: soon is waited for, later is told later."""

import time

import pytest

from steps.forge import Api, Forge, ForgeError, Token
from tests.steps.conftest import Sandbox
from tests.steps.server import RAW, SHA, TOKEN
from tests.steps.server import Forge as Server


def refused(status: int, **headers: object) -> bytes:
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} No\r\nConnection: close\r\n{told}Content-Length: 2\r\n\r\n{{}}".encode()


def told(sandbox: Sandbox, asked: Server, answer: bytes, times: int = 1) -> ForgeError | None:
    asked.says("/statuses/", answer, RAW, times=times)
    token = Token(file=sandbox.file("token", TOKEN))
    with Forge(Api(url=asked.api, repository="acme/shop", token=token, app=None, trust=None)) as forge:
        try:
            forge.post(f"/statuses/{SHA}", {})
        except ForgeError as error:
            return error
    return None


@pytest.mark.parametrize("status", [403, 429])
def test_a_word_to_come_back_soon_is_heeded(sandbox: Sandbox, asked: Server, status: int) -> None:
    assert told(sandbox, asked, refused(status, Retry_After=17)) is None
    assert asked.waited == [17]
    assert len(asked.calls) == 2


def test_an_hours_limit_that_ends_soon_is_waited_for(sandbox: Sandbox, asked: Server) -> None:
    limit = refused(403, X_RateLimit_Remaining=0, X_RateLimit_Reset=int(time.time()) + 30)
    assert told(sandbox, asked, limit) is None
    (waited,) = asked.waited
    assert 27 < waited <= 30


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": 61},
        {"Retry_After": "9" * 400},
        {"X_RateLimit_Remaining": 0, "X_RateLimit_Reset": int(time.time()) + 3000},
    ],
    ids=["seconds", "for ever", "hour"],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_later_time_is_not_waited_for(sandbox: Sandbox, asked: Server, status: int, headers: dict[str, object]) -> None:
    error = told(sandbox, asked, refused(status, **headers), times=-1)
    assert error
    assert error.passing
    assert "wants to be asked in" in str(error)
    assert asked.waited == []
    assert len(asked.calls) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"X_RateLimit_Remaining": 4999, "X_RateLimit_Reset": 1}, {"Retry_After": "tomorrow"}, {"X_RateLimit_Remaining": 0}],
    ids=["none", "not used up", "no number", "no time"],
)
def test_a_right_that_is_missing_does_not_come_by_waiting(
    sandbox: Sandbox, asked: Server, headers: dict[str, object]
) -> None:
    error = told(sandbox, asked, refused(403, **headers), times=-1)
    assert error
    assert (error.passing, error.status) == (False, 403)
    assert len(asked.calls) == 1


def test_a_forge_without_an_answer_may_have_one_later(sandbox: Sandbox, asked: Server) -> None:
    error = told(sandbox, asked, refused(502), times=-1)
    assert error
    assert error.passing
    assert len(asked.calls) == 4
