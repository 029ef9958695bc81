"""Who merged is told in the history; that nobody did is no reason to drop a merge."""

import pytest

from tests.sink import deliver
from tests.support import both_environments
from tests.test_routing import payload


@pytest.mark.parametrize("forge", ["gitea", "github"])
def test_what_nobody_merged_is_promoted_in_the_name_of_an_account_that_is_gone(forge: str) -> None:
    """Forges tell nobody where a push merged it, or where who did has no account any more."""
    body = payload(forge, "closed_merged")
    stack = both_environments(forge)
    promoted = [run for run in deliver(stack, body) if run["metadata"]["namespace"] == "production-ci"]
    body["pull_request"]["merged_by"] = None
    (run,) = (run for run in deliver(stack, body) if run["metadata"]["namespace"] == "production-ci")
    params = {param["name"]: param["value"] for param in run["spec"]["params"]}
    assert params["merged-by"] == "ghost"
    before = {param["name"]: param["value"] for param in promoted[0]["spec"]["params"]}
    assert params == before | {"merged-by": "ghost"}
    assert run["metadata"] == promoted[0]["metadata"]
