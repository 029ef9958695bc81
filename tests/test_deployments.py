"""`forge.deployments`: who tells GitHub of them, by which right, and that nobody does otherwise."""

import json

import pytest

from tests.support import Declared, record_config, shipped_config
from tests.test_github_app import given


def stack(name: str, **forge: object) -> Declared:
    config = shipped_config(name)
    app = {"id": "Iv23liAbCdEf", "installationId": 12345678, "privateKey": {"file": "secrets/forge-app.pem"}}
    known = {"kind": "github", "apiUrl": "https://api.github.com", "ssh": config["forge"]["ssh"], "app": app}
    return record_config(config | {"forge": known | {"okToTest": {}} | forge})


def rights(declared: Declared, variable: str) -> dict[tuple[str, str], dict[str, str]]:
    return {
        (task, step): json.loads(variables[variable])
        for (_, task, step), (_, variables) in given(declared).items()
        if variables.get(variable)
    }


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("staging", {("begin", "begin"), ("report", "report")}),
        ("production", {("announce", "announce"), ("report", "report")}),
    ],
)
def test_the_steps_that_begin_and_end_a_run_tell_by_a_token_of_their_own(name: str, steps: set[tuple[str, str]]) -> None:
    declared = stack(name, deployments=True)
    assert rights(declared, "DEPLOYMENT_RIGHTS") == {key: {"deployments": "write"} for key in steps}
    assert not any("deployments" in rights for rights in rights(declared, "APP_RIGHTS").values()), (
        "the statuses' has no more"
    )


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("staging", {("begin", "begin"), ("report", "report"), ("report-tests", "report")}),
        ("production", {("report", "report")}),
    ],
)
def test_comments_are_written_by_a_token_of_their_own(name: str, steps: set[tuple[str, str]]) -> None:
    declared = stack(name)
    assert rights(declared, "COMMENT_RIGHTS") == {key: {"pull_requests": "write"} for key in steps}
    assert not any("write" in str(rights.get("pull_requests")) for rights in rights(declared, "APP_RIGHTS").values())
    assert rights(stack(name, comment=False), "COMMENT_RIGHTS") == {}


def test_without_the_setting_nobody_does_and_merges_are_not_announced() -> None:
    assert rights(stack("staging"), "DEPLOYMENT_RIGHTS") == {}
    production = stack("production")
    assert rights(production, "DEPLOYMENT_RIGHTS") == {}
    assert "announce" not in production.names("Task")
