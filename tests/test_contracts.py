"""Closure from the webhook to the script: what one end hands over, the other takes, and nothing else.

Tekton finds a missing param, result or workspace when a run starts, and a misspelt variable never. `problems` finds both
here; the second half of this file breaks the rendered objects one by one and sees that it does.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from components.tasks import needed
from tests.sink import COMMENT, deliver
from tests.support import ALL_STACKS, Declared, Object, record_config, shipped_config, texts
from tests.test_fork import comment
from tests.test_routing import payload

SCHEMAS = Path(__file__).parent / "fixtures" / "tekton"
EVENTS = [
    *((stack, event) for stack in ("staging", "both", "everything") for event in ("opened", "closed_unmerged")),
    *((stack, "closed_merged") for stack in ("production", "both", "everything")),
    ("staging", "comment"),
]


def sent(stack: Declared, event: str) -> list[Object]:
    """The runs that a recorded body starts."""
    if event == "comment":
        return deliver(stack, comment("gitea"), header=COMMENT)
    return deliver(stack, payload("gitea", event))


# Read by the commands that a script runs, not by the script.
FOR_COMMANDS = re.compile("HOME|DOCKER_CONFIG|GIT_[A-Z0-9_]+|(HTTPS?|NO)_PROXY|(https?|no)_proxy")
# What forge.sh reads, of which a step is given one: `forge.token` or `forge.app`.
TOKEN, APP = {"TOKEN_FILE"}, {"APP_ID", "APP_INSTALLATION", "APP_KEY_FILE", "APP_RIGHTS"}
# https://tekton.dev/docs/pipelines/variables/
TASK_CONTEXT = {"context.task.name", "context.taskRun.name", "context.taskRun.namespace", "context.taskRun.uid"}
PIPELINE_CONTEXT = {"context.pipeline.name", "context.pipelineRun.name", "context.pipelineRun.namespace"}
FINALLY_CONTEXT = {"tasks.status"}

VARIABLE = re.compile(r"\$\(([a-z][A-Za-z0-9.-]*)\)")
ASSIGNED = re.compile(r"(?:^|[\s;]|export )([A-Z][A-Z0-9_]*)=", re.M)
# In the shell, in jq, and as cosign is told of a key.
ARITHMETIC = re.compile(r"\$\(\((.+?)\)\)")
READ = re.compile(r"(?:\$\{?#?|\benv\.|\benv://)([A-Z][A-Z0-9_]*)")


def problems(stack: Declared) -> list[str]:
    """Everything that does not fit together, from the triggers down to the scripts."""
    runs = [run for name, event in EVENTS if name == stack.recording.stack for run in sent(stack, event)]
    started = {run["spec"]["pipelineRef"]["name"] for run in runs}
    # `python -m operate rebuild` starts them, in the shape that tests/operate/test_rebuild.py compares.
    by_hand = {name for name in stack.names("Pipeline") if name.endswith("-rebuild-pipeline")}
    return [
        *_difference("pipelines", set(stack.names("Pipeline")), started | by_hand),
        *_trigger_problems(stack),
        *(problem for run in runs for problem in run_problems(stack, run)),
        *(problem for item in stack.all("Pipeline") for problem in _pipeline_problems(stack, item)),
        *(problem for item in stack.all("Task") for problem in _task_problems(stack, item)),
    ]


def _names(items: list[Object] | None) -> set[str]:
    return {item["name"] for item in items or []}


def _variables(value: Any, prefix: str) -> set[str]:
    """The variables in a nested value whose name begins like this, without what follows a result's or workspace's name."""
    return {name for text in texts(value) for name in VARIABLE.findall(text) if name.startswith(prefix)}


def _difference(what: str, given: set[str], taken: set[str]) -> Iterator[str]:
    if given - taken:
        yield f"{what}: given and not taken: {sorted(given - taken)}"
    if taken - given:
        yield f"{what}: taken and not given: {sorted(taken - given)}"


def _trigger_problems(stack: Declared) -> Iterator[str]:
    for trigger in stack.all("Trigger"):
        name, namespace = trigger["metadata"]["name"], trigger["metadata"]["namespace"]
        template = stack.one("TriggerTemplate", trigger["spec"]["template"]["ref"], namespace)["spec"]
        bindings = [stack.one("TriggerBinding", item["ref"], namespace) for item in trigger["spec"]["bindings"]]
        bound = {param for binding in bindings for param in _names(binding["spec"]["params"])}
        used = _variables(template["resourcetemplates"], "tt.params.")
        declared = _names(template["params"])
        yield from _difference(f"{name}: binding → template", bound, declared)
        yield from _difference(f"{name}: template's params", declared, {item.removeprefix("tt.params.") for item in used})


def run_problems(stack: Declared, run: Object) -> Iterator[str]:
    name, namespace, spec = run["metadata"]["name"], run["metadata"]["namespace"], run["spec"]
    pipeline = stack.one("Pipeline", spec["pipelineRef"]["name"], namespace)["spec"]
    optional = _names([param for param in pipeline["params"] if "default" in param])
    yield from _difference(f"{name}: params", _names(spec["params"]) | optional, _names(pipeline["params"]))
    yield from _difference(f"{name}: workspaces", _names(spec.get("workspaces")), _names(pipeline.get("workspaces")))
    specs = {item["pipelineTaskName"] for item in spec["taskRunSpecs"]}
    # One that needs no rights has the account of the run's template.
    yield from _difference(f"{name}: taskRunSpecs", specs | {needed.NAME}, _names(_entries(pipeline)) | {needed.NAME})
    accounts = {item["serviceAccountName"] for item in spec["taskRunSpecs"]} | {
        spec["taskRunTemplate"]["serviceAccountName"]
    }
    there = {item["metadata"]["name"] for item in stack.all("ServiceAccount") if item["metadata"]["namespace"] == namespace}
    for account in accounts - there:
        yield f"{name}: no service account {account} in {namespace}"
    for workspace in spec.get("workspaces", []):
        yield from _secret_problems(stack, namespace, f"{name}: workspace", workspace["secret"])


def _pipeline_problems(stack: Declared, pipeline: Object) -> Iterator[str]:
    name, namespace, spec = pipeline["metadata"]["name"], pipeline["metadata"]["namespace"], pipeline["spec"]
    used = {item.removeprefix("params.") for item in _variables(spec, "params.")}
    yield from _difference(f"{name}: params", _names(spec["params"]), used)
    workspaces: set[str] = set()
    for entry in _entries(spec):
        where = f"{name}: task {entry['name']}"
        task = stack.one("Task", entry["taskRef"]["name"], namespace)["spec"]
        yield from _difference(f"{where}: params", _names(entry["params"]), _names(task["params"]))
        yield from _difference(f"{where}: workspaces", _names(entry.get("workspaces")), _names(task.get("workspaces")))
        workspaces |= {item["workspace"] for item in entry.get("workspaces", [])}
        context = PIPELINE_CONTEXT | (FINALLY_CONTEXT if entry in spec.get("finally", []) else set())
        for variable in _variables(entry, ""):
            if variable.startswith("tasks.") and variable not in FINALLY_CONTEXT:
                _, other, *wanted = variable.split(".")
                produced = next((_results(stack, namespace, item) for item in spec["tasks"] if item["name"] == other), None)
                known = [["results", result] for result in produced or ()]
                if entry in spec.get("finally", []) and produced is not None:
                    known.append(["status"])
                if wanted not in known:
                    yield f"{where}: $({variable}) is nowhere produced"
            elif not variable.startswith("params.") and variable not in context:
                yield f"{where}: $({variable}) means nothing here"
    yield from _difference(f"{name}: workspaces", _names(spec.get("workspaces")), workspaces)


def _entries(pipeline: Object) -> list[Object]:
    return [*pipeline["tasks"], *pipeline.get("finally", [])]


def _results(stack: Declared, namespace: str, entry: Object) -> set[str]:
    return _names(stack.one("Task", entry["taskRef"]["name"], namespace)["spec"].get("results"))


def _task_problems(stack: Declared, task: Object) -> Iterator[str]:
    name, namespace, spec = task["metadata"]["name"], task["metadata"]["namespace"], task["spec"]
    used: dict[str, set[str]] = {"params": set(), "results": set(), "workspaces": set()}
    for variable in _variables(spec["steps"], ""):
        kind, _, rest = variable.partition(".")
        if kind in used:
            used[kind].add(rest if kind == "params" else rest.removesuffix(".path"))
        elif variable not in TASK_CONTEXT:
            yield f"{name}: $({variable}) means nothing in a Task"
    used["workspaces"] |= {workspace for step in spec["steps"] for workspace in _names(step.get("workspaces"))}
    for kind, names in used.items():
        yield from _difference(f"{name}: {kind}", _names(spec.get(kind)), names)
    containers = [*spec["steps"], *spec.get("sidecars", [])]
    mounted = {mount["name"] for container in containers for mount in container.get("volumeMounts", [])}
    yield from _difference(f"{name}: volumes", _names(spec["volumes"]), mounted)
    for volume in spec["volumes"]:
        if "secret" in volume:
            yield from _secret_problems(stack, namespace, f"{name}: volume {volume['name']}", volume["secret"])
    for step in spec["steps"]:
        yield from _step_problems(f"{name}: step {step['name']}", step)


def _step_problems(where: str, step: Object) -> Iterator[str]:
    code = "\n".join(line for line in step["script"].splitlines() if not line.lstrip().startswith("#"))
    assigned, read = set(ASSIGNED.findall(code)), set(READ.findall(code))
    read |= {name for term in ARITHMETIC.findall(code) for name in re.findall(r"\b[A-Z][A-Z0-9_]*\b", term)}
    given = _names(step["env"])
    if read >= TOKEN | APP:
        read -= APP if given >= TOKEN else TOKEN
    for_commands = {name for name in given - read if FOR_COMMANDS.fullmatch(name)}
    yield from _difference(f"{where}: environment", given - for_commands, read - (assigned - given))


def _secret_problems(stack: Declared, namespace: str, where: str, source: Object) -> Iterator[str]:
    found = [
        item
        for item in stack.all("Secret")
        if item["metadata"]["name"] == source["secretName"] and item["metadata"]["namespace"] == namespace
    ]
    if not found:
        yield f"{where}: no Secret {source['secretName']} in {namespace}"
    for item in source.get("items", []):
        if found and item["key"] not in found[0]["stringData"]:
            yield f"{where}: Secret {source['secretName']} has no key {item['key']}"


def test_everything_handed_over_is_taken(stack: Declared) -> None:
    assert problems(stack) == []


def test_what_tasks_mount_is_there_where_registries_let_everybody_read_and_write() -> None:
    staging = shipped_config("staging")
    registry = {key: value for key, value in staging["registry"].items() if key not in ("read", "write")}
    quarantine = {"host": "quarantine.internal:5001", "insecure": True}
    open_to_all = record_config(staging | {"registry": registry, "build": staging["build"] | {"quarantine": quarantine}})
    assert [problem for task in open_to_all.all("Task") for problem in _task_problems(open_to_all, task)] == []
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
        "chespirito-staging-pipeline: task build: params: given and not taken: ['image']",
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
        lambda stack: _drop(stack, "stage", "copy", "RESULT_IMAGE_PATH"),
        "stage: step copy: environment: taken and not given: ['RESULT_IMAGE_PATH']",
    ),
    "a step that gives what the script does not read": (
        lambda stack: _step(stack, "stage", "deploy")["env"].append({"name": "PARAM_MORE", "value": "x"}),
        "stage: step deploy: environment: given and not taken: ['PARAM_MORE']",
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


def validate(kind: str, item: Object) -> list[str]:
    """What Tekton's schema does not allow, unknown fields included."""
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text())
    errors = Draft202012Validator(schema).iter_errors(item)
    return [f"{item['metadata']['name']}: {error.json_path}: {error.message}" for error in errors]


@pytest.mark.parametrize("kind", ["Task", "Pipeline"])
def test_tekton_objects_fit_the_pinned_schema(stack: Declared, kind: str) -> None:
    assert stack.all(kind)
    for item in stack.all(kind):
        assert item["apiVersion"] == "tekton.dev/v1"
        assert validate(kind, item) == []


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_the_runs_that_events_start_fit_the_pinned_schema(stacks: dict[str, Declared], name: str, event: str) -> None:
    runs = sent(stacks[name], event)
    # Where merges are rebuilt, one stack with both environments hears of a merge twice.
    assert len(runs) == (2 if (name, event) == ("everything", "closed_merged") else 1)
    for run in runs:
        assert run["apiVersion"] == "tekton.dev/v1"
        assert run["kind"] == "PipelineRun"
        assert validate("PipelineRun", run) == []
        assert not [text for text in texts(run) if "$(" in text], "a run holds a value that nobody fills in"


def test_a_field_that_tekton_does_not_know_is_refused(staging: Declared) -> None:
    task = copy.deepcopy(staging.one("Task", "build"))
    task["spec"]["steps"][0]["securityContex"] = {}
    assert validate("Task", task)
    pipeline = copy.deepcopy(staging.one("Pipeline", "chespirito-staging-pipeline"))
    pipeline["spec"]["tasks"][0]["paramss"] = []
    assert validate("Pipeline", pipeline)


def test_the_schemas_are_of_the_tekton_that_is_pinned() -> None:
    pinned = (SCHEMAS.parents[2] / "local" / "modules" / "tekton" / "go.mod").read_text()
    assert (SCHEMAS / "VERSION").read_text().strip() in pinned


@pytest.mark.parametrize("name", ALL_STACKS)
def test_trigger_objects_have_the_version_that_the_listener_serves(stacks: dict[str, Declared], name: str) -> None:
    """Triggers' own schemas allow everything, so the shape is held here: the keys that its documentation names."""
    shapes = {
        "EventListener": {"serviceAccountName", "resources", "triggerGroups"},
        "Trigger": {"interceptors", "bindings", "template"},
        "TriggerBinding": {"params"},
        "TriggerTemplate": {"params", "resourcetemplates"},
    }
    for kind, keys in shapes.items():
        for item in stacks[name].all(kind):
            assert item["apiVersion"] == "triggers.tekton.dev/v1beta1"
            assert item["spec"].keys() == keys, item["metadata"]["name"]
