"""The step announce: a merge that waits for people says so, and goes on whatever the forge answers."""

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import AT, SHA, TOKEN, Forge
from tests.steps.test_comments import announce


@pytest.mark.parametrize("status", [201, 422], ids=["told", "not-told"])
def test_the_status_is_pending_and_nothing_stops_for_it(sandbox: Sandbox, asked: Forge, status: int) -> None:
    asked.says("/statuses/", {}, status)
    result = sandbox.step(
        "announce",
        PARAM_REPOSITORY="acme/shop",
        PARAM_HEAD_SHA=SHA,
        ENVIRONMENT="production",
        CONTEXT_SUFFIX="",
        API_URL=asked.api,
        WAITS_FOR="waits for 1 of ana to approve, up to 30m",
        TOKEN_FILE=sandbox.file("token", TOKEN),
    )
    assert result.code == 0, result.err
    (call,) = asked.calls
    assert (call.method, call.path) == ("POST", f"{AT}/statuses/{SHA}")
    assert call.body == {
        "state": "pending",
        "context": "tekton-delivery/production",
        "description": "waits for 1 of ana to approve, up to 30m",
    }
    assert ("has not been told" in result.err) == (status == 422)
    assert TOKEN not in result.out + result.err


def test_a_description_is_as_long_as_github_takes_it(sandbox: Sandbox, asked: Forge) -> None:
    """Whoever is asked to approve may have long names."""
    asked.says("/statuses/", {}, 201, method="POST")
    assert announce(sandbox, asked, COMMENT_RIGHTS="", WAITS_FOR="waits for " + "a" * 300).code == 0
    ((_, description),) = asked.statuses.values()
    assert len(description) == 139
