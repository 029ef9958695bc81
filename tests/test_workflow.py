"""The GitHub workflow: what a fork's pull request gets, and where credentials are."""

import re
from typing import Any

import pytest
import yaml

from tests.support import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


@pytest.fixture
def jobs() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())
    # YAML 1.1 reads the key `on` as true.
    assert set(loaded[True]) == {"pull_request", "push"}
    assert loaded["permissions"] == {}
    found: dict[str, Any] = loaded["jobs"]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_say_their_release(path: Any) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for action, release in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", release), action


def test_a_fork_reaches_no_secret_and_may_write_nothing(jobs: dict[str, Any]) -> None:
    needs_nothing = {name for name, job in jobs.items() if "if" not in job}
    assert needs_nothing == {"check", "contracts"}
    for name, job in jobs.items():
        if name in needs_nothing:
            assert job["permissions"] == {"contents": "read"}
            assert "secrets." not in yaml.safe_dump(job)
        elif name != "comment":
            assert SAME_REPOSITORY in job["if"]
    # It runs only after a job that a fork does not run.
    assert jobs["comment"]["needs"] == "changes"


def test_credentials_are_in_environments_and_previews_only_read(jobs: dict[str, Any]) -> None:
    with_secrets = {name: job for name, job in jobs.items() if "secrets." in yaml.safe_dump(job)}
    assert {name: job["environment"] for name, job in with_secrets.items()} == {
        "staging": "staging-preview",
        "production": "production-preview",
    }
    for job in with_secrets.values():
        assert job["permissions"] == {"contents": "read"}


def test_who_may_write_runs_the_bases_code(jobs: dict[str, Any]) -> None:
    writing = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
    assert writing == ["comment"]
    checkout = jobs["comment"]["steps"][0]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_no_value_of_a_pull_request_is_pasted_into_a_script(jobs: dict[str, Any]) -> None:
    for job in jobs.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_continuous_integration_runs_verbs_of_the_makefile(jobs: dict[str, Any]) -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    run = {
        verb for job in jobs.values() for step in job["steps"] for verb in re.findall(r"make ([a-z-]+)", step.get("run", ""))
    }
    assert {"check", "test-unit", "test-scripts", "test-contracts"} <= run <= verbs
