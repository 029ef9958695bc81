"""announce.sh: a merge that waits for people says so, and goes on whatever the forge answers."""

import json

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]

SHA = "0123456789abcdef0123456789abcdef01234567"


def announce(sandbox: Sandbox, curl: str) -> Result:
    sandbox.stub("curl", f"cat >'{sandbox.root}/config'\n{curl}")
    return sandbox.run(
        "announce",
        PARAM_REPOSITORY="acme/shop",
        PARAM_HEAD_SHA=SHA,
        ENVIRONMENT="production",
        CONTEXT_SUFFIX="",
        API_URL="http://forge.internal:3000/api/v1",
        WAITS_FOR="waits for 1 of ana to approve, up to 30m",
        TOKEN_FILE=sandbox.file("token", "token-of-the-forge"),
    )


@pytest.mark.parametrize("curl", ["", "exit 22"], ids=["told", "not-told"])
def test_the_status_is_pending_and_nothing_stops_for_it(sandbox: Sandbox, curl: str) -> None:
    result = announce(sandbox, curl)
    assert result.code == 0, result.err
    (call,) = sandbox.called("curl")
    assert call[-1] == f"http://forge.internal:3000/api/v1/repos/acme/shop/statuses/{SHA}"
    assert json.loads(call[call.index("--data") + 1]) == {
        "state": "pending",
        "context": "tekton-delivery/production",
        "description": "waits for 1 of ana to approve, up to 30m",
    }
    assert ("has not been told" in result.err) == bool(curl)
    assert "token-of-the-forge" not in result.out + result.err
