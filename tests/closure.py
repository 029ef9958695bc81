"""Closure from the webhook to the script: what one end hands over, the other takes, and nothing else.

Tekton finds a missing param, result or workspace when a run starts, and a misspelt variable never. `problems` finds both
in what a stack declares; tests/test_contracts.py breaks declared objects one by one and sees that it does.
"""

import importlib
import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from components.tasks import git, needed
from steps.inputs import variables
from tests.sink import COMMENT, PUSH, deliver
from tests.support import Declared, Object, texts
from tests.test_fork import comment
from tests.test_routing import payload, push

EVENTS = [
    *((stack, event) for stack in ("staging", "both", "everything") for event in ("opened", "closed_unmerged")),
    *((stack, "closed_merged") for stack in ("production", "both", "everything")),
    ("staging", "comment"),
    *((stack, "pushed") for stack in ("staging", "both", "everything")),
]


def sent(stack: Declared, event: str) -> list[Object]:
    """The runs that a recorded body starts."""
    if event == "comment":
        return deliver(stack, comment("gitea"), header=COMMENT)
    if event == "pushed":
        return deliver(stack, push("gitea"), header=PUSH)
    return deliver(stack, payload("gitea", event))


# Read by the commands that a script runs, not by the script.
FOR_COMMANDS = re.compile("HOME|USER|LOGNAME|TMPDIR|DOCKER_CONFIG|GIT_[A-Z0-9_]+|(HTTPS?|NO)_PROXY|(https?|no)_proxy")
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
GIVEN_BY_THE_KUBELET = {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
# What steps read that ask the forge, of which they are given one: `forge.token` or `forge.app`.
TOKEN, APP = {"TOKEN_FILE"}, {"APP_ID", "APP_INSTALLATION", "APP_INSTALLATIONS", "APP_KEY_FILE", "APP_RIGHTS"}
# https://tekton.dev/docs/pipelines/variables/
TASK_CONTEXT = {"context.task.name", "context.taskRun.name", "context.taskRun.namespace", "context.taskRun.uid"}
PIPELINE_CONTEXT = {"context.pipeline.name", "context.pipelineRun.name", "context.pipelineRun.namespace"}
FINALLY_CONTEXT = {"tasks.status"}

GIVEN = re.compile(r"\$\(params\.([a-z-]+)\)")
VARIABLE = re.compile(r"\$\(([a-z][A-Za-z0-9.-]*)\)")
ASSIGNED = re.compile(r"(?:^|[\s;]|export )([A-Z][A-Z0-9_]*)=", re.M)
# In the shell, in jq, and as cosign is told of a key.
ARITHMETIC = re.compile(r"\$\(\((.+?)\)\)")
READ = re.compile(r"(?:\$\{?#?|\benv\.|\benv://)([A-Z][A-Z0-9_]*)")


def problems(stack: Declared, there: Collection[str] = ()) -> list[str]:
    """Everything that does not fit together, from the triggers down to the scripts.

    `there` are Secrets of the cluster that the stack names and does not declare.
    """
    runs = [run for name, event in EVENTS if name == stack.recording.stack for run in sent(stack, event)]
    started = {run["spec"]["pipelineRef"]["name"] for run in runs}
    # `python -m operate rebuild` and `rollback` start them, in the shape that tests/operate compares.
    by_hand = {name for name in stack.names("Pipeline") if name.endswith(("-rebuild-pipeline", "-proof-pipeline"))}
    return [
        *_difference("pipelines", set(stack.names("Pipeline")), started | by_hand),
        *_trigger_problems(stack),
        *(problem for run in runs for problem in run_problems(stack, run, there)),
        *(problem for item in stack.all("Pipeline") for problem in _pipeline_problems(stack, item)),
        *(problem for item in stack.all("Task") for problem in task_problems(stack, item, there)),
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


def run_problems(stack: Declared, run: Object, held: Collection[str] = ()) -> Iterator[str]:
    """What a run and its pipeline do not agree on, and what it names that is not there."""
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
    for entry in _entries(pipeline):
        given = {param["name"]: param["value"] for param in entry["params"]}
        for workspace in spec.get("workspaces", []) if entry.get("workspaces") else []:
            # Of a binding that tells no Secret the task's own params do.
            for source in _sources(workspace):
                told = json.loads(GIVEN.sub(lambda found, given=given: given[found[1]], json.dumps(source)))
                yield from _secret_problems(stack, namespace, f"{name}: workspace", told, held)


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


def task_problems(stack: Declared, task: Object, there: Collection[str] = ()) -> Iterator[str]:
    """What a Task declares and does not use, or uses and does not declare, down to its scripts."""
    name, namespace, spec = task["metadata"]["name"], task["metadata"]["namespace"], task["spec"]
    used: dict[str, set[str]] = {"params": set(), "results": set(), "workspaces": set()}
    # Written where the next one goes on whatever it is.
    ends = {f"steps.step-{step['name']}.exitCode.path" for step in spec["steps"] if step.get("onError") == "continue"}
    for variable in _variables(spec["steps"], ""):
        kind, _, rest = variable.partition(".")
        if kind in used:
            used[kind].add(rest if kind == "params" else rest.removesuffix(".path"))
        elif variable not in TASK_CONTEXT | ends:
            yield f"{name}: $({variable}) means nothing in a Task"
    used["workspaces"] |= {workspace for step in spec["steps"] for workspace in _names(step.get("workspaces"))}
    # A run's binding of a workspace names them.
    used["params"] |= _names(spec.get("params")) & git.NAMES if used["workspaces"] else set()
    for kind, names in used.items():
        yield from _difference(f"{name}: {kind}", _names(spec.get(kind)), names)
    containers = [*spec["steps"], *spec.get("sidecars", [])]
    mounted = {mount["name"] for container in containers for mount in container.get("volumeMounts", [])}
    yield from _difference(f"{name}: volumes", _names(spec["volumes"]), mounted)
    for volume in spec["volumes"]:
        for source in _sources(volume):
            yield from _secret_problems(stack, namespace, f"{name}: volume {volume['name']}", source, there)
    for step in spec["steps"]:
        yield from _step_problems(f"{name}: step {step['name']}", step)


def _step_problems(where: str, step: Object) -> Iterator[str]:
    if "script" not in step:
        yield from _inputs_problems(where, step)
        return
    code = "\n".join(line for line in step["script"].splitlines() if not line.lstrip().startswith("#"))
    assigned, read = set(ASSIGNED.findall(code)), set(READ.findall(code))
    read |= {name for term in ARITHMETIC.findall(code) for name in re.findall(r"\b[A-Z][A-Z0-9_]*\b", term)}
    given = _names(step["env"])
    for_commands = {name for name in given - read if FOR_COMMANDS.fullmatch(name)}
    yield from _difference(f"{where}: environment", given - for_commands, read - (assigned - given))


def _inputs_problems(where: str, step: Object) -> Iterator[str]:
    """As above, of a step in Python: it reads what its dataclass of inputs has."""
    module = importlib.import_module(f"steps.{step['args'][0].replace('-', '_')}")
    given = _names(step["env"])
    for_commands = {name for name in given if FOR_COMMANDS.fullmatch(name)}
    taken = set(variables(module.Inputs, given)) - GIVEN_BY_THE_KUBELET
    if given >= TOKEN:
        taken -= APP
    yield from _difference(f"{where}: environment", given - for_commands, taken - for_commands)


def _sources(volume: Object) -> Iterator[Object]:
    """Each Secret of a volume or a workspace, with the keys that it has of it."""
    if "secret" in volume:
        yield volume["secret"]
    for source in volume.get("projected", {}).get("sources", []):
        if "secret" in source:
            yield {"secretName": source["secret"]["name"], "items": source["secret"]["items"]}


def _secret_problems(
    stack: Declared, namespace: str, where: str, source: Object, there: Collection[str] = ()
) -> Iterator[str]:
    if source["secretName"] in there:
        return
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
