"""Closure from the webhook to the script, and proof that each way of breaking it is noticed."""

import copy
from collections.abc import Callable

import pytest

from tests.closure import problems, task_problems
from tests.support import Declared, Object, record_config, shipped_config


def test_everything_handed_over_is_taken(stack: Declared) -> None:
    # Of the stack with every setting one is on the cluster already.
    assert problems(stack, {"chespirito-fetches"} if "test-ci" in stack.names("Namespace") else ()) == []


def test_what_tasks_mount_is_there_where_registries_let_everybody_read_and_write() -> None:
    staging = shipped_config("staging")
    registry = {key: value for key, value in staging["registry"].items() if key not in ("read", "write")}
    quarantine = {"host": "quarantine.internal:5001", "insecure": True}
    open_to_all = record_config(staging | {"registry": registry, "build": staging["build"] | {"quarantine": quarantine}})
    assert [problem for task in open_to_all.all("Task") for problem in task_problems(open_to_all, task)] == []
    assert {"registry-push", "quarantine-push"} <= set(open_to_all.names("Secret"))
    assert "registry-pull" not in open_to_all.names("Secret"), "nobody's pods need it"


Break = Callable[[Declared], None]


def _params(stack: Declared, kind: str, name: str) -> list[Object]:
    found: list[Object] = stack.one(kind, name)["spec"]["params"]
    return found


def _step(stack: Declared, task: str, name: str) -> Object:
    (found,) = [step for step in stack.one("Task", task)["spec"]["steps"] if step["name"] == name]
    assert isinstance(found, dict)
    return found


def _drop(stack: Declared, task: str, name: str, variable: str) -> None:
    step = _step(stack, task, name)
    step["env"] = [entry for entry in step["env"] if entry["name"] != variable]


BREAKS: dict[str, tuple[Break, str]] = {
    "a param that the Task does not declare": (
        lambda stack: _params(stack, "Task", "build").pop(),
        "chespirito-staging-pipeline: task build: params: given and not taken: ['paths']",
    ),
    "a param that nobody gives": (
        lambda stack: _params(stack, "Task", "report").append({"name": "more"}),
        "task report: params: taken and not given: ['more']",
    ),
    "a pipeline param that nobody uses": (
        lambda stack: _params(stack, "Pipeline", "chespirito-staging-pipeline").append({"name": "more"}),
        "chespirito-staging-pipeline: params: given and not taken: ['more']",
    ),
    "a value that is bound for nobody": (
        lambda stack: _params(stack, "TriggerBinding", "github-pr-trigger-binding").append({"name": "x", "value": "1"}),
        "pr-trigger: binding → template: given and not taken: ['x']",
    ),
    "a result that no step writes": (
        lambda stack: stack.one("Task", "build")["spec"]["results"].append({"name": "more"}),
        "build: results: given and not taken: ['more']",
    ),
    "a result that is read and not produced": (
        lambda stack: stack.one("Task", "build")["spec"]["results"].pop(0),
        "task stage: $(tasks.build.results.digest) is nowhere produced",
    ),
    "a pipeline's variable in a Task": (
        lambda stack: _step(stack, "report", "report")["env"].append({"name": "X", "value": "$(context.pipelineRun.name)"}),
        "report: $(context.pipelineRun.name) means nothing in a Task",
    ),
    "a script that reads what the step does not give": (
        lambda stack: _drop(stack, "build", "fetch", "SOURCE"),
        "build: step fetch: environment: taken and not given: ['SOURCE']",
    ),
    "a step that gives what the script does not read": (
        lambda stack: _step(stack, "build", "fetch")["env"].append({"name": "PARAM_MORE", "value": "x"}),
        "build: step fetch: environment: given and not taken: ['PARAM_MORE']",
    ),
    "a step in Python that reads what it is not given": (
        lambda stack: _drop(stack, "stage", "stage", "PARAM_DIGEST"),
        "stage: step stage: environment: taken and not given: ['PARAM_DIGEST']",
    ),
    "a step in Python that is given what it does not read": (
        lambda stack: _step(stack, "stage", "stage")["env"].append({"name": "PARAM_MORE", "value": "x"}),
        "stage: step stage: environment: given and not taken: ['PARAM_MORE']",
    ),
    "a step that gives a token beside what an App needs": (
        lambda stack: _step(stack, "report", "report")["env"].append({"name": "APP_ID", "value": "x"}),
        "report: step report: environment: given and not taken: ['APP_ID']",
    ),
    "a volume that is not there": (
        lambda stack: _step(stack, "build", "fetch")["volumeMounts"].append({"name": "more", "mountPath": "/more"}),
        "build: volumes: taken and not given: ['more']",
    ),
    "a secret that is not there": (
        lambda stack: stack.objects.remove(stack.one("Secret", "forge-token")),
        "report: volume forge-token: no Secret forge-token in staging-ci",
    ),
    "a workspace that the Task does not declare": (
        lambda stack: stack.one("Task", "build")["spec"]["workspaces"].pop(),
        "task build: workspaces: given and not taken: ['ssh-directory']",
    ),
    "a service account that is not there": (
        lambda stack: stack.objects.remove(stack.one("ServiceAccount", "reporter")),
        "no service account reporter in staging-ci",
    ),
}


@pytest.mark.parametrize(("damage", "expected"), BREAKS.values(), ids=BREAKS.keys())
def test_a_broken_contract_is_noticed(staging: Declared, damage: Break, expected: str) -> None:
    broken = Declared(staging.recording)
    broken.objects = copy.deepcopy(staging.objects)
    damage(broken)
    assert [problem for problem in problems(broken) if expected in problem], problems(broken)
