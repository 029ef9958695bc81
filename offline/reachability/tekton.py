"""From a PipelineRun or TaskRun to its pods, as Tekton makes them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

from components.conventions import Manifest, key
from offline.reachability import pods
from offline.reachability.objects import Objects, ReachabilityError, parameterised, place
from offline.reachability.pods import OURS, UNTRUSTED, Container, Held, Pod
from offline.reachability.things import Account, Secret
from steps.kubernetes import PIPELINE_TASK

# On a Task: the first step that runs code of a pull request, or works on what such code left behind.
UNTRUSTED_FROM = key("untrusted-from")

# The kind that a reference is to; any other kind is made by a controller that is not Tekton.
KINDS = {"pipelineRef": "Pipeline", "taskRef": "Task", "ref": "StepAction"}


def run_pods(run: Manifest, namespace: str, by: str, objects: Objects) -> Iterator[Pod]:
    """Yield the pods of a run that `by` creates; one for each pipeline that its name can mean."""
    if parameterised(namespace):
        raise ReachabilityError(f"{by} takes the namespace of its run from a parameter: {namespace}")
    spec, bound = run["spec"], pods.named(run["spec"].get("workspaces", []))
    if run["kind"] == "TaskRun":
        account = pods.account_of(spec.get("serviceAccountName"), namespace, by)
        yield _task_pod("task", spec, spec.get("podTemplate", {}), account, bound, by, objects)
        return
    if run["kind"] != "PipelineRun":
        raise ReachabilityError(f"{by} creates a {run['kind']}; only a PipelineRun or a TaskRun can be followed")
    if "pipelineSpec" in spec:
        yield from _pipeline_pods(spec["pipelineSpec"], spec, namespace, f"{by}, embedded pipeline", objects)
        return
    for pipeline in objects.fitting("Pipeline", namespace, _reference(spec, "pipelineRef", by), by):
        yield from _pipeline_pods(pipeline["spec"], spec, namespace, f"Pipeline {place(pipeline)}", objects)


def _pipeline_pods(pipeline: Manifest, run: Manifest, namespace: str, by: str, objects: Objects) -> Iterator[Pod]:
    bound = pods.named(run.get("workspaces", []))
    for task in [*pipeline.get("tasks", []), *pipeline.get("finally", [])]:
        shared = run.get("taskRunTemplate", {})
        name, template = shared.get("serviceAccountName"), shared.get("podTemplate", {})
        for own in run.get("taskRunSpecs", []):
            if own["pipelineTaskName"] == task["name"]:
                name, template = own.get("serviceAccountName", name), _merged(own.get("podTemplate", {}), template)
        account = pods.account_of(name, namespace, f"{by}, task {task['name']}")
        # A Task's workspace that nothing binds gets the run's of the same name, where Tekton propagates them.
        workspaces = dict(bound)
        for binding in task.get("workspaces", []):
            source = binding.get("workspace", binding["name"])
            if source not in bound:
                raise ReachabilityError(
                    f"{by}, task {task['name']} needs the workspace '{source}', which the run does not bind"
                )
            workspaces[binding["name"]] = bound[source]
        workspaces = {name: _told(binding, task, run) for name, binding in workspaces.items()}
        yield _task_pod(task["name"], task, template, account, workspaces, by, objects)


def _told(binding: Manifest, task: Manifest, run: Manifest) -> Manifest:
    """Return a run's binding as one of its tasks has it: Tekton puts in the run's params, then those of the task."""
    given: dict[str, str] = {}
    for param in [*task.get("params", []), *run.get("params", [])]:
        if isinstance(param["value"], str) and not parameterised(param["value"]):
            given[param["name"]] = param["value"]
        else:
            given.pop(param["name"], None)
    text = re.sub(r"\$\(params\.([\w-]+)\)", lambda found: given.get(found[1], found[0]), json.dumps(binding))
    return cast(Manifest, json.loads(text))


def _task_pod(
    name: str,
    holder: Manifest,
    template: Manifest,
    account: Account,
    workspaces: Mapping[str, Manifest],
    by: str,
    objects: Objects,
) -> Pod:
    """Return the pod of a task; `holder` has its taskRef or taskSpec."""
    where = f"{by}, task {name}"
    if "taskSpec" in holder:
        task, metadata = holder["taskSpec"], holder["taskSpec"].get("metadata", {})
    else:
        declared = objects.need("Task", account.namespace, _reference(holder, "taskRef", where), where)
        task, metadata = declared["spec"], declared["metadata"]
    steps = [_resolved(step, account.namespace, where, objects) for step in task["steps"]]
    sidecars = task.get("sidecars", [])
    named = [*task.get("workspaces", []), *holder.get("workspaces", [])]
    usable = set(workspaces) if "taskSpec" in holder else {item["name"] for item in named}
    shared = _shared_workspaces(steps, sidecars, usable)
    defaults = task.get("stepTemplate", {})
    volumes = pods.named([*template.get("volumes", []), *task.get("volumes", [])])
    everywhere = [
        *pods.on_every_container(account, template, objects),
        *pods.environment(template, account.namespace),
        *_initialised_credentials(account, objects),
    ]

    def holds(container: Manifest, also: Manifest) -> tuple[Held, ...]:
        mine = shared | ({item["name"] for item in container.get("workspaces", [])} & usable)
        found = list(everywhere)
        for part in (also, container):
            found += pods.environment(part, account.namespace)
            found += pods.mounts(part, volumes, account, where)
            found += pods.privileged(part)
        for workspace in sorted(mine & workspaces.keys()):
            found += pods.volume(workspaces[workspace], account.namespace, account, f"workspace {workspace}")
        return tuple(found)

    untrusted = _untrusted(metadata.get("annotations", {}), [step["name"] for step in steps], where)
    containers = [
        Container(step["name"], UNTRUSTED if number >= untrusted else OURS, holds(step, defaults))
        for number, step in enumerate(steps)
    ]
    # A sidecar runs beside all steps.
    containers += [
        Container(sidecar["name"], UNTRUSTED if untrusted < len(steps) else OURS, holds(sidecar, {})) for sidecar in sidecars
    ]
    labels = tuple(sorted((metadata.get("labels", {}) | {PIPELINE_TASK: name}).items()))
    return Pod(name, by, account, tuple(containers), pods.pull_secrets(account, template, objects), labels)


def _untrusted(annotations: Mapping[str, str], steps: list[str], where: str) -> int:
    """Return the number of the first step that runs code of a pull request; the number of steps if none does."""
    first = annotations.get(UNTRUSTED_FROM)
    if first is None:
        return len(steps)
    if first not in steps:
        raise ReachabilityError(f"{where}: {UNTRUSTED_FROM} names '{first}'; its steps are {', '.join(steps)}")
    return steps.index(first)


def _shared_workspaces(steps: list[Manifest], sidecars: list[Manifest], declared: set[str]) -> set[str]:
    """Return the workspaces that every container gets: those that no step or sidecar names as its own."""
    isolated = {item["name"] for container in [*steps, *sidecars] for item in container.get("workspaces", [])}
    return declared - isolated


def _initialised_credentials(account: Account, objects: Objects) -> Iterator[Held]:
    """Yield the secrets that Tekton hands to every step since its service account lists them."""
    declared = objects.find("ServiceAccount", account.namespace, account.name) or {}
    for item in declared.get("secrets", []):
        yield Secret(account.namespace, item["name"]), f"secrets of {account}, handed to every step"


def _resolved(step: Manifest, namespace: str, where: str, objects: Objects) -> Manifest:
    """Return a step with the StepAction that it refers to."""
    if "ref" not in step:
        return step
    action: Manifest = objects.need("StepAction", namespace, _reference(step, "ref", where), where)["spec"]
    return step | action


def _reference(holder: Manifest, field: str, by: str) -> str:
    """Return the name in a reference to an object of the run's namespace."""
    reference = holder.get(field) or {}
    if "name" not in reference or reference.get("kind", KINDS[field]) != KINDS[field]:
        raise ReachabilityError(f"{by}: its {field} names no declared {KINDS[field]}: {reference or 'none'}")
    return str(reference["name"])


def _merged(own: Manifest, shared: Manifest) -> Manifest:
    """Return a task's pod template over the run's: lists with names are merged, other fields replaced."""
    merged = shared | own
    for field in ("env", "volumes"):
        merged[field] = list((pods.named(shared.get(field, [])) | pods.named(own.get(field, []))).values())
    return merged
