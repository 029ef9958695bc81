"""GitHub's deployments: created as a run begins, ended as it ends, once, by bodies that GitHub takes."""

import re
from typing import Any

import pytest

from tests.github_models import DEPLOYMENT, DEPLOYMENT_STATUS, STATUS
from tests.steps.conftest import Sandbox
from tests.steps.report import Reporter, step, task_run
from tests.steps.server import SHA, Forge
from tests.steps.test_comments import RUN, announce
from tests.steps.test_retell import STAGED, ago, last, reported, retold
from tests.steps.thread import ME, SOMEBODY
from tests.tasks.scripts.conftest import Result

GIVEN = {
    "COMMENT_RIGHTS": "",
    "DEPLOYMENT_RIGHTS": '{"deployments": "write"}',
    "PARAM_ENVIRONMENT_URL": "https://shop.example",
    "RUN_URL": "https://tekton.example/{pipelineRun}",
    "RUN_NAMESPACE": "staging-ci",
}


class GitHub:
    """The deployments of a repository."""

    def __init__(self, forge: Forge) -> None:
        self.forge, self.made, self.told = forge, list[dict[str, Any]](), dict[int, list[dict[str, Any]]]()
        self.refuses = 0
        forge.says("/statuses/", {"creator": {"id": ME}}, 201, method="POST")
        forge.answers.insert(0, self._answer)

    def add(self, author: int = ME, run: str = RUN, sha: str = SHA, environment: str = "staging") -> int:
        number = len(self.made) + 1
        made = {"id": number, "sha": sha, "environment": environment, "payload": {"run": run}, "creator": {"id": author}}
        made["created_at"] = ago(0)
        self.made.insert(0, made)
        self.told[number] = []
        return number

    def states(self, number: int = 1) -> list[str]:
        return [each["state"] for each in self.told[number]]

    def _answer(self, method: str, path: str) -> tuple[int, Any] | None:
        if "/deployments" not in path:
            return None
        if self.refuses:
            return self.refuses, {}
        body, one = self.forge.calls[-1].body, re.search("/deployments/([0-9]+)/statuses", path)
        if method == "GET":
            environment = re.search("environment=([^&]+)", path)
            known = [each for each in self.made if environment and each["environment"] == environment[1].replace("%2F", "/")]
            return 200, self.told[int(one[1])][::-1] if one else known
        assert (DEPLOYMENT_STATUS if one else DEPLOYMENT).mistakes(body) == []
        if one:
            self.told[int(one[1])].append(body)
            return 201, {}
        number = self.add(run=body["payload"]["run"], sha=body["ref"], environment=body["environment"])
        return 201, self.made[0] | {"id": number}


@pytest.fixture
def github(asked: Forge) -> GitHub:
    return GitHub(asked)


def ended(reporter: Reporter, run: dict[str, Any], **changed: str) -> Result:
    return reported(reporter, [run], **GIVEN | changed)[0]


def test_a_run_that_begins_creates_it_and_is_in_progress(sandbox: Sandbox, asked: Forge, github: GitHub) -> None:
    assert announce(sandbox, asked, **GIVEN).code == 0
    (made,) = github.made
    assert (made["sha"], made["environment"], made["payload"]) == (SHA, "staging", {"run": RUN})
    (told,) = github.told[1]
    assert told == {
        "state": "in_progress",
        "description": "waits for 1 of ana to approve",
        "auto_inactive": True,
        "log_url": f"https://tekton.example/{RUN}",
        "environment_url": "https://shop.example",
    }
    created = next(call.body for call in asked.calls if call.path.endswith("/deployments"))
    assert (created["auto_merge"], created["required_contexts"]) == (False, []), "it merges nothing, and waits for nothing"


NONE = task_run("True", step("needed", 0), reason="untouched", promotable="untouched")


@pytest.mark.parametrize(
    ("run", "status", "state"),
    [
        pytest.param(STAGED, "Succeeded", "success", id="rolled out"),
        pytest.param(task_run("False", step("test", 1), account="untrusted"), "Failed", "failure", id="failed"),
        pytest.param(task_run("False", step("stage", 1), reason="queued: held"), "Failed", "queued", id="held"),
        pytest.param(NONE, "Succeeded", "inactive", id="nothing to roll out"),
        pytest.param(
            task_run("Unknown") | {"metadata": {"annotations": {"tekton-delivery/superseded-by": "f" * 40}}},
            "Failed",
            "inactive",
            id="superseded",
        ),
    ],
)
def test_it_ends_as_the_run_does(
    reporter: Reporter, sandbox: Sandbox, github: GitHub, run: dict[str, Any], status: str, state: str
) -> None:
    announce(sandbox, reporter.forge, **GIVEN)
    assert ended(reporter, run, status=status).code == 0
    assert github.states() == ["in_progress", state]


def test_one_that_nobody_has_begun_is_created_at_the_end(reporter: Reporter, github: GitHub) -> None:
    ended(reporter, STAGED)
    assert github.states() == ["success"]


@pytest.mark.parametrize(
    "other",
    [{"author": SOMEBODY}, {"run": "shop-staging-12-4f0c1a2b-20261122184130"}, {"sha": "f" * 40}, {"environment": "qa"}],
    ids=["somebody's", "another run's", "another commit's", "another environment's"],
)
def test_another_one_is_left_as_it_is(reporter: Reporter, github: GitHub, other: dict[str, Any]) -> None:
    github.add(**other)
    ended(reporter, STAGED)
    assert (github.states(1), github.states(2)) == ([], ["success"])


def test_each_application_of_a_repository_has_environments_of_its_own(reporter: Reporter, github: GitHub) -> None:
    github.add(environment="staging/shop")
    ended(reporter, STAGED, CONTEXT_SUFFIX="/shop")
    assert github.states() == ["success"]


@pytest.mark.parametrize(("status", "left"), [(403, None), (404, None), (422, None), (503, ["deployment"])])
def test_a_forge_that_takes_none_fails_nothing(
    reporter: Reporter, github: GitHub, status: int, left: list[str] | None
) -> None:
    github.refuses = status
    result, untold = reported(reporter, [STAGED], **GIVEN)
    assert result.code == 0
    assert "the deployment is not told" in result.err
    assert (untold and untold["what"]) == left
    assert reporter.forge.status == ("success", "serves")


@pytest.mark.parametrize(
    ("known", "states"),
    [
        (["in_progress"], ["in_progress", "success"]),
        (["in_progress", "success"], ["in_progress", "success"]),
        (["in_progress", "success", "inactive"], ["in_progress", "success", "inactive"]),
    ],
    ids=["untold", "told", "overtaken"],
)
def test_late_it_is_told_once(reporter: Reporter, github: GitHub, known: list[str], states: list[str]) -> None:
    number = github.add()
    github.told[number] = [{"state": state} for state in known]
    retold(reporter, [last(["deployment"])], deployments=True)
    assert github.states() == states


def test_late_it_does_not_come_before_a_newer_one(reporter: Reporter, github: GitHub) -> None:
    github.add()
    github.add(run="shop-staging-13-4f0c1a2b-20261122190000", sha="f" * 40)
    retold(reporter, [last(["deployment"])], deployments=True)
    assert (github.states(1), github.states(2)) == (["inactive"], [])


def test_late_one_that_nobody_has_begun_does_not_come_after_a_newer_one(reporter: Reporter, github: GitHub) -> None:
    """GitHub takes the one that is created last for what serves."""
    github.add(run="shop-staging-13-4f0c1a2b-20261122190000", sha="f" * 40)
    retold(reporter, [last(["deployment"])], deployments=True)
    assert [each["sha"] for each in github.made] == ["f" * 40]
    assert github.states(1) == []


def test_late_one_that_nobody_has_begun_is_created_where_none_is_newer(reporter: Reporter, github: GitHub) -> None:
    github.add(run="shop-staging-11-4f0c1a2b-20261122170000", sha="f" * 40)
    github.made[0]["created_at"] = ago(60)
    retold(reporter, [last(["deployment"])], deployments=True)
    assert (github.states(1), github.states(2)) == ([], ["success"])


def test_statuses_are_what_github_takes(reporter: Reporter, github: GitHub) -> None:
    ended(reporter, STAGED)
    told = [call.body for call in reporter.forge.calls if "/commits/" not in call.path and f"/statuses/{SHA}" in call.path]
    assert told
    assert [STATUS.mistakes(body) for body in told] == [[]] * len(told)
    assert STATUS.mistakes({"state": "done", "title": "x"}) == ["title is unknown", "state is none of its values"]
