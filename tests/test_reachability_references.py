"""How the search follows one object to the next, however they are written, and what it cannot follow."""

import copy
from collections.abc import Callable

import pytest

from offline.reachability.objects import ReachabilityError, selects
from offline.reachability.rows import rows
from tests.reachability_changes import find
from tests.support import Declared, Object

# --- other ways to write the same ---


def started(objects: list[Object]) -> set[tuple[str, str, str]]:
    """What each step reaches in the runs that a pull request's trigger starts, wherever they are declared."""
    return {
        (row.container, row.runs, row.reaches)
        for row in rows(objects)
        if row.cause.startswith("trigger ") and not any(other in row.cause for other in ("rejected", "ok-to-test", "moved"))
    }


def embedded(objects: list[Object]) -> None:
    """The run brings its pipeline along, and the pipeline its tasks."""
    spec = find(objects, "TriggerTemplate", "github-pr-trigger-template")["spec"]["resourcetemplates"][0]["spec"]
    del spec["pipelineRef"]
    pipeline = copy.deepcopy(find(objects, "Pipeline", "chespirito-staging-pipeline")["spec"])
    for task in [*pipeline["tasks"], *pipeline["finally"]]:
        declared = find(objects, "Task", task.pop("taskRef")["name"])
        annotations = declared["metadata"].get("annotations", {})
        task["taskSpec"] = declared["spec"] | {"metadata": {"annotations": annotations}}
    spec["pipelineSpec"] = pipeline


def in_the_listener(objects: list[Object]) -> None:
    """The listener holds its triggers itself, with their templates."""
    listener = find(objects, "EventListener", "chespirito-github-el")["spec"]
    del listener["triggerGroups"]
    listener["triggers"] = []
    for trigger in [item for item in objects if item["kind"] == "Trigger"]:
        template = find(objects, "TriggerTemplate", trigger["spec"]["template"]["ref"])
        name = trigger["metadata"]["name"]
        listener["triggers"].append(trigger["spec"] | {"name": name, "template": {"spec": template["spec"]}})
        objects.remove(trigger)
        objects.remove(template)


def by_reference(objects: list[Object]) -> None:
    listener = find(objects, "EventListener", "chespirito-github-el")["spec"]
    del listener["triggerGroups"]
    listener["triggers"] = [{"triggerRef": item["metadata"]["name"]} for item in objects if item["kind"] == "Trigger"]


def by_label(objects: list[Object]) -> None:
    listener = find(objects, "EventListener", "chespirito-github-el")["spec"]
    (group,) = [item for item in listener.pop("triggerGroups") if item["name"].startswith("pull-request")]
    listener |= group["triggerSelector"]


def by_namespace(objects: list[Object]) -> None:
    """A listener that serves the triggers of all namespaces."""
    listener = find(objects, "EventListener", "chespirito-github-el")
    listener["spec"] |= {"triggerGroups": [], "namespaceSelector": {"matchNames": ["*"]}}
    objects.append({"kind": "Namespace", "metadata": {"name": "hooks"}})
    listener["metadata"]["namespace"] = "hooks"


@pytest.mark.parametrize("change", [in_the_listener, by_reference, by_label, by_namespace])
def test_the_same_is_found_however_it_is_written(change: Callable[[list[Object]], None], staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    before = started(objects)
    change(objects)
    assert ("image", "pull-request code", "secret staging-ci/quarantine-push") in before
    assert started(objects) == before


def test_what_a_run_brings_along_is_followed(staging: Declared) -> None:
    """Tekton hands a run's workspaces down to embedded tasks that mention them; here, to each."""
    objects = copy.deepcopy(staging.objects)
    before = started(objects)
    embedded(objects)
    assert {reached for reached in before if reached[2] != "nothing"} <= started(objects)
    more = {name for name, _, reaches in started(objects) - before if reaches == "secret staging-ci/ssh-directory"}
    assert "report" in more
    assert "test" not in more


def test_a_trigger_may_start_a_task_alone(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    templates = find(objects, "TriggerTemplate", "github-pr-trigger-template")["spec"]
    workspaces = templates["resourcetemplates"][0]["spec"]["workspaces"]
    spec = {"taskRef": {"name": "build"}, "serviceAccountName": "untrusted", "workspaces": workspaces}
    templates["resourcetemplates"] = [{"kind": "TaskRun", "metadata": {"name": "any"}, "spec": spec}]
    assert {(name, reaches) for name, _, reaches in started(objects) if name} == {
        ("fetch", "secret staging-ci/ssh-directory"),
        ("test", "nothing"),
        ("image", "secret staging-ci/quarantine-push"),
    }


def test_a_listener_starts_the_triggers_with_its_label_only(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    find(objects, "Trigger", "pr-trigger")["metadata"]["labels"]["tekton-delivery/listener"] = "another"
    assert started(objects) == set()


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"tier": "ci"}}, True),
        ({"matchLabels": {"tier": "web"}}, False),
        ({"matchLabels": {"other": "ci"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["ci", "web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["ci"]}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "NotIn", "values": ["ci"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"tier": "ci"}, "matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
    ],
)
def test_a_label_selector_selects_as_kubernetes_does(selector: Object | None, expected: bool) -> None:
    assert selects(selector, {"tier": "ci"}) is expected


def test_a_listener_without_triggers_starts_nothing(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    find(objects, "EventListener", "chespirito-github-el")["spec"]["triggerGroups"] = []
    assert started(objects) == set()


# --- what cannot be followed is an error ---


def without(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(find(objects, kind, name))


def run(change: Callable[[Object], None]) -> Callable[[list[Object]], None]:
    def changed(objects: list[Object]) -> None:
        change(find(objects, "TriggerTemplate", "github-pr-trigger-template")["spec"]["resourcetemplates"][0])

    return changed


def build(change: Callable[[Object], None]) -> Callable[[list[Object]], None]:
    return lambda objects: change(find(objects, "Task", "build"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("Task", "stage"), "Task staging-ci/stage, which is not declared"),
        (without("Pipeline", "chespirito-staging-pipeline"), "none that is declared has such a name"),
        (without("TriggerTemplate", "github-pr-trigger-template"), "TriggerTemplate .* which is not declared"),
        (run(lambda made: made["metadata"].update(namespace="$(tt.params.application)")), "namespace of its run"),
        (run(lambda made: made.update(kind="Job")), "creates a Job"),
        (run(lambda made: made["spec"].update(pipelineRef={"resolver": "git"})), "names no declared Pipeline"),
        (run(lambda made: made["spec"].update(workspaces=[])), "needs the workspace 'ssh-directory'"),
        (
            run(lambda made: made["spec"]["taskRunSpecs"][0].update(serviceAccountName="$(tt.params.run)")),
            "service account from a parameter",
        ),
        (
            build(lambda made: made["metadata"]["annotations"].update({"tekton-delivery/untrusted-from": "tests"})),
            "names 'tests'; its steps are fetch, test, image",
        ),
        (build(lambda made: made["spec"].update(volumes=[])), "mounts the volume '.*', which is not declared"),
        (build(lambda made: made["spec"]["volumes"][0].update(csi={"driver": "secrets"})), "of kind csi"),
        (
            lambda objects: find(objects, "EventListener", "chespirito-github-el")["spec"].update(
                resources={"customResource": {}}
            ),
            "runs as a custom resource",
        ),
        (lambda objects: objects.append(copy.deepcopy(objects[0])), "two objects are"),
    ],
)
def test_what_cannot_be_followed_is_an_error(
    change: Callable[[list[Object]], None], message: str, staging: Declared
) -> None:
    objects = copy.deepcopy(staging.objects)
    change(objects)
    with pytest.raises(ReachabilityError, match=message):
        rows(objects)
