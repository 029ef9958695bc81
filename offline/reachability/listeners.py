"""EventListeners and their triggers: what an event starts."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.conventions import Manifest
from components.network import LISTENER_LABEL
from offline.reachability import pods
from offline.reachability.objects import Objects, ReachabilityError, place, selects
from offline.reachability.pods import LISTENER, Container, Held, Pod
from offline.reachability.schedules import scheduled
from offline.reachability.tekton import run_pods
from offline.reachability.things import Account


@dataclass(frozen=True)
class Cause:
    """A trigger with the pods of the runs that it starts, or a listener with its own pod."""

    name: str
    """E.g. `trigger staging-ci/pr-trigger`."""
    pods: tuple[Pod, ...]


def causes(objects: Objects) -> list[Cause]:
    """Return every listener, every trigger that one of them routes events to, and every schedule; sorted."""
    found = {name: Cause(name, (pod,)) for name, pod in scheduled(objects)}
    for listener in objects.all("EventListener"):
        found[f"listener {place(listener)}"] = Cause(f"listener {place(listener)}", (_own_pod(listener, objects),))
        for name, trigger, namespace in _triggers(listener, objects):
            found[name] = Cause(name, tuple(_started(name, trigger, namespace, objects)))
    return [found[name] for name in sorted(found)]


def _own_pod(listener: Manifest, objects: Objects) -> Pod:
    """Return the listener's pod. Triggers gives no way not to mount its token: the sink needs it."""
    namespace, where = listener["metadata"]["namespace"], f"EventListener {place(listener)}"
    resources = listener["spec"].get("resources", {})
    if "customResource" in resources:
        raise ReachabilityError(f"{where} runs as a custom resource; only one as a Deployment can be followed")
    spec = resources.get("kubernetesResource", {}).get("spec", {}).get("template", {}).get("spec", {})
    account = pods.account_of(listener["spec"].get("serviceAccountName"), namespace, where)
    holds: list[Held] = [(account, "token mounted by default in every container")]
    for container in spec.get("containers", []):
        holds += pods.environment(container, namespace)
    container = Container("event-listener", LISTENER, tuple(holds))
    name = listener["metadata"]["name"]
    labels = ((LISTENER_LABEL, name),)
    return Pod(f"el-{name}", where, account, (container,), pods.pull_secrets(account, spec, objects), labels)


def _triggers(listener: Manifest, objects: Objects) -> Iterator[tuple[str, Manifest, str]]:
    """Yield the name, the spec and the namespace of each trigger of a listener."""
    spec, namespace, own = listener["spec"], listener["metadata"]["namespace"], place(listener)
    for number, trigger in enumerate(spec.get("triggers", [])):
        if "triggerRef" in trigger:
            declared = objects.need("Trigger", namespace, trigger["triggerRef"], f"EventListener {own}")
            yield f"trigger {place(declared)}", declared["spec"], namespace
        else:
            yield f"trigger {own}/{trigger.get('name', number)}", trigger, namespace
    for selector in [spec, *(group["triggerSelector"] for group in spec.get("triggerGroups", []))]:
        names = selector.get("namespaceSelector", {}).get("matchNames", [])
        if not names and "labelSelector" not in selector:
            continue
        for trigger in objects.all("Trigger"):
            where = trigger["metadata"]["namespace"]
            in_scope = where in names or "*" in names if names else where == namespace
            if in_scope and selects(selector.get("labelSelector"), trigger["metadata"].get("labels", {})):
                yield f"trigger {place(trigger)}", trigger["spec"], where


def _started(name: str, trigger: Manifest, namespace: str, objects: Objects) -> Iterator[Pod]:
    template = trigger["template"]
    if "ref" in template:
        template = objects.need("TriggerTemplate", namespace, template["ref"], name)
    for run in template["spec"]["resourcetemplates"]:
        yield from run_pods(run, run["metadata"].get("namespace", namespace), name, objects)


def listener_accounts(objects: Objects) -> set[Account]:
    """Return the accounts of listeners: the only ones whose token may be mounted by default."""
    return {pod.account for cause in causes(objects) if cause.name.startswith("listener ") for pod in cause.pods}
