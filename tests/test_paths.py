"""Applications that share a repository: each event starts a run for each of them, and each is what lies in its paths."""

from typing import Any

import pytest

from tests.sink import deliver
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_routing import payload

# Of two repositories, one with three applications.
MONO = [
    {"name": "chespirito", "repository": "acme/chespirito", "paths": ["Dockerfile", "lib"]},
    {"name": "alone", "repository": "acme/alone"},
    {"name": "mail", "repository": "acme/chespirito", "dockerfile": "mail/Dockerfile", "paths": ["mail", "lib"]},
    {"name": "whole", "repository": "acme/chespirito"},
]
TOGETHER = {"chespirito", "mail", "whole"}


def mono(stack: str) -> Declared:
    config = shipped_config(stack)
    shipped = {key: value for key, value in config["applications"][0].items() if key in ("testCommand", "buildArgs")}
    return record_config(config | {"applications": [application | shipped for application in MONO]})


@pytest.fixture(scope="module")
def declared() -> dict[str, Declared]:
    return {name: mono(name) for name in ("staging", "production")}


def application(run: Object) -> str:
    return str(run["metadata"]["labels"]["app.kubernetes.io/name"])


@pytest.mark.parametrize(
    ("stack", "event"),
    [("staging", "opened"), ("staging", "closed_unmerged"), ("production", "closed_merged")],
)
def test_an_event_starts_a_run_for_each_application_of_its_repository(
    declared: dict[str, Declared], stack: str, event: str
) -> None:
    runs = deliver(declared[stack], payload("gitea", event))
    assert {application(run) for run in runs} == TOGETHER
    assert len({run["metadata"]["name"] for run in runs}) == len(TOGETHER)
    for run in runs:
        assert run["spec"]["pipelineRef"]["name"].startswith(f"{application(run)}-{stack}-")


def test_another_repository_starts_its_own_run_alone(declared: dict[str, Declared]) -> None:
    body = payload("gitea", "opened")
    for repository in (body["repository"], body["pull_request"]["base"]["repo"], body["pull_request"]["head"]["repo"]):
        repository["full_name"] = "acme/alone"
    assert [application(run) for run in deliver(declared["staging"], body)] == ["alone"]


def test_one_application_a_repository_needs_no_more_triggers_than_before(stack: Declared) -> None:
    assert not [name for name in stack.names("Trigger") if name[-1].isdigit()]


def values(task: Object) -> dict[str, Any]:
    return {param["name"]: param["value"] for param in task["params"]}


def tasks(stack: Declared, name: str) -> dict[str, Object]:
    spec = stack.one("Pipeline", name)["spec"]
    return {task["name"]: task for task in (*spec["tasks"], *spec["finally"])}


def test_nothing_is_built_for_a_pull_request_that_does_not_touch_the_application(declared: dict[str, Declared]) -> None:
    found = tasks(declared["staging"], "mail-staging-pipeline")
    (condition,) = found["build"]["when"]
    assert condition == {"input": "$(tasks.needed.results.needed)", "operator": "in", "values": ["yes"]}
    assert values(found["needed"])["paths"] == "mail\nlib"
    # Without the image there is nothing to stage.
    assert "$(tasks.build.results.digest)" in values(found["stage"]).values()


def test_an_application_that_is_all_of_its_repository_asks_nothing_first(declared: dict[str, Declared]) -> None:
    for name in ("whole", "alone"):
        found = tasks(declared["staging"], f"{name}-staging-pipeline")
        assert "needed" not in found
        assert "when" not in found["build"]
        assert values(found["stage"])["paths"] == ""


def test_the_question_is_asked_by_a_pod_that_is_heard_and_holds_no_token(declared: dict[str, Declared]) -> None:
    run = next(run for run in deliver(declared["staging"], payload("gitea", "opened")) if application(run) == "mail")
    named = {spec["pipelineTaskName"] for spec in run["spec"]["taskRunSpecs"]}
    assert "needed" not in named, "Tekton refuses a run whose pipeline has not every Task that it names"
    assert run["spec"]["taskRunTemplate"]["serviceAccountName"] == "reporter"
    assert not [volume for volume in declared["staging"].one("Task", "needed")["spec"]["volumes"] if "projected" in volume]


@pytest.mark.parametrize(("name", "suffix"), [("mail", "/mail"), ("chespirito", "/chespirito"), ("alone", "")])
def test_statuses_carry_the_application_where_a_repository_has_several(
    declared: dict[str, Declared], name: str, suffix: str
) -> None:
    for stack in ("staging", "production"):
        assert values(tasks(declared[stack], f"{name}-{stack}-pipeline")["report"])["context-suffix"] == suffix


def test_production_compares_what_staging_signed(declared: dict[str, Declared]) -> None:
    staged = values(tasks(declared["staging"], "mail-staging-pipeline")["stage"])
    promoted = values(tasks(declared["production"], "mail-production-pipeline")["promote"])
    for key in ("paths", "application", "repository"):
        assert staged[key] == promoted[key]


def test_each_application_has_its_own_deployment_and_lease(declared: dict[str, Declared]) -> None:
    names = {f"{application['name']}-pod" for application in MONO}
    assert set(declared["production"].names("Deployment")) == names
    assert set(declared["production"].names("Lease")) == names
