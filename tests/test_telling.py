"""The job that tells the forge late has the identity and the credential of the step that tells, and nothing else."""

import json

import pytest

from components.conventions import REPORTER, TELLER, restricted
from tests.support import Declared, Object


def pod(stack: Declared, namespace: str) -> Object:
    job = stack.one("CronJob", TELLER, namespace)
    spec: Object = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def test_it_is_the_reporter_and_holds_what_the_step_holds(staging: Declared) -> None:
    spec = pod(staging, "staging-ci")
    (container,), task = spec["containers"], staging.one("Task", "report")["spec"]
    assert container["securityContext"] == restricted() | {"readOnlyRootFilesystem": True}
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (REPORTER, False)
    assert spec["volumes"] == task["volumes"]
    assert container["volumeMounts"] == task["steps"][0]["volumeMounts"]


def test_the_reporter_may_list_task_runs_and_nothing_else(staging: Declared) -> None:
    bound = [item["roleRef"]["name"] for item in staging.all("RoleBinding") if f"'{REPORTER}'" in str(item["subjects"])]
    assert bound == [REPORTER]
    rules = staging.one("Role", REPORTER, "staging-ci")["rules"]
    assert [rule for rule in rules if set(rule["verbs"]) - {"get", "list"}] == []


def test_the_pruner_holds_nothing_of_the_forge(staging: Declared) -> None:
    job = staging.one("CronJob", "pruner")
    assert "forge" not in json.dumps(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"])
    opened = [item["metadata"]["name"] for item in staging.all("NetworkPolicy") if "'pruner'" in str(item["spec"])]
    assert opened == ["pruner-to-api-server"]


@pytest.mark.parametrize("name", ["REPORTS"])
def test_it_knows_the_tasks_that_tell(staging: Declared, production: Declared, name: str) -> None:
    for stack, namespace, tasks in (
        (staging, "staging-ci", ["base-moved", "report", "report-tests"]),
        (production, "production-ci", ["report"]),
    ):
        (container,) = pod(stack, namespace)["containers"]
        told = json.loads(next(item["value"] for item in container["env"] if item["name"] == name))
        assert sorted(told) == tasks
        for task in tasks:
            (step,) = stack.one("Task", task)["spec"]["steps"]
            own = {"NAMESPACE", "RUN_NAMESPACE", "RESULT_UNTOLD_PATH"}
            env = told[task]["env"]
            assert told[task]["step"] == step["name"]
            assert set(env) == {item["name"] for item in step["env"]} - own
            assert env["PARAM_BASE_BRANCH"] == {"param": "base-branch"}
            if task == "base-moved":
                continue
            assert env["PARAM_HEAD_SHA"] == {"param": "head-sha"}
            assert env["ENVIRONMENT"] == ("tests" if task == "report-tests" else namespace.removesuffix("-ci"))
