"""Names of runs: they fit a label, and tell when in UTC, whatever zone the forge's server has."""

import json

import pytest

from tests.support import LONGEST_NAME, Declared, several_applications
from tests.test_routing import REPOSITORY, payload, run_of

ONE_SECOND = [
    "2026-11-22T17:20:01Z",
    "2026-11-22T19:20:01+02:00",
    "2026-11-23T07:20:01+14:00",
    "2026-11-22T13:50:01-03:30",
    "2026-11-22T17:20:01.123456Z",
]


@pytest.mark.parametrize("time", ONE_SECOND)
def test_the_longest_name_fits_a_label(time: str) -> None:
    """Tekton labels every TaskRun and Pod with the run's name. Gitea writes times in its server's zone: names are of UTC."""
    body = json.loads(json.dumps(payload("gitea", "opened")).replace(REPOSITORY, "acme/long"))
    body["number"] = 9_999_999
    body["pull_request"]["updated_at"] = time
    name = run_of(several_applications(), body)["metadata"]["name"]
    assert name == f"{LONGEST_NAME}-staging-9999999-{body['pull_request']['head']['sha'][:8]}-20261122172001"
    assert len(name) <= 63


@pytest.mark.parametrize("time", ONE_SECOND)
@pytest.mark.parametrize(
    ("stack", "name"), [("staging", "opened"), ("staging", "closed_unmerged"), ("production", "closed_merged")]
)
def test_every_run_of_a_pull_request_is_named_by_utc(stacks: dict[str, Declared], stack: str, name: str, time: str) -> None:
    """As those are that people start by hand: the pull request's comment goes by the order of these names."""
    body = payload("gitea", name)
    body["pull_request"]["updated_at"] = time
    assert run_of(stacks[stack], body)["metadata"]["name"].endswith("-20261122172001")
