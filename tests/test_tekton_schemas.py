"""Tekton's schemas: every declared object and every run that an event starts fits them."""

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from components.tasks import git
from tests.closure import EVENTS, VARIABLE, sent
from tests.support import ALL_STACKS, Declared, Object, texts

SCHEMAS = Path(__file__).parent / "fixtures" / "tekton"


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
    # Two environments get merges there, and one rebuilds them.
    assert len(runs) == (3 if (name, event) == ("everything", "closed_merged") else 1)
    for run in runs:
        assert run["apiVersion"] == "tekton.dev/v1"
        assert run["kind"] == "PipelineRun"
        assert validate("PipelineRun", run) == []
        # What a workspace holds each task of the pipeline is told.
        others = {key: value for key, value in run["spec"].items() if key != "workspaces"}
        assert not [text for text in texts(run | {"spec": others}) if "$(" in text], (
            "a run holds a value that nobody fills in"
        )
        assert set(VARIABLE.findall(str(run["spec"].get("workspaces")))) <= {f"params.{name}" for name in git.NAMES}


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
