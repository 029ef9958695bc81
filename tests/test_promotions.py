"""Environments that wait for each other, where each has a stack of its own: what would wait in vain is refused."""

import json
from pathlib import Path

import pytest

from components.settings.errors import SettingsError
from offline.run import stack_config
from tests.test_settings import VALID, load

OWN = "tekton-delivery:environments"


def stack_file(folder: Path, stack: str, text: str) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text(text)


def declared(folder: Path, stack: str, *environments: dict[str, str]) -> None:
    """Another stack of the project."""
    stack_file(folder, stack, json.dumps({"config": {OWN: environments}}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(**environment: str) -> list[str]:
    """What is said of a stack with this one environment, beside the first line."""
    try:
        load(stack_config(VALID) | {OWN: json.dumps([{"deliverOn": "merge"} | environment])})
    except SettingsError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


STAGING = {"name": "staging", "deliverOn": "pull-request"}
PRODUCTION = {"name": "production", "deliverOn": "merge"}


def test_a_third_one_in_a_row_is_refused_by_what_the_projects_other_stacks_say(project: Path) -> None:
    declared(project, "staging", STAGING)
    declared(project, "production", PRODUCTION)
    assert problems(name="eu", promotesFrom="production") == [
        'tekton-delivery:environments[0].promotesFrom = "production": delivers on merge itself (in Pulumi.production.yaml), '
        "and only an environment that delivers on pull-request signs what it ran: this one would wait in vain; name the one "
        "that builds, e.g. `promotesFrom: staging`, from which several may promote, each in a stack of its own"
    ]
    assert problems(name="eu", promotesFrom="staging") == [], "two may promote from the same one"
    assert problems(name="eu") == []


def test_of_two_environments_of_one_name_the_one_that_builds_counts(project: Path) -> None:
    """As where a copy of a shipped stack file lies beside the shipped one."""
    declared(project, "mine", {"name": "production", "deliverOn": "pull-request"})
    declared(project, "production", PRODUCTION)
    assert problems(name="eu", promotesFrom="production") == []


def test_an_environment_that_builds_under_another_name_has_to_be_named(project: Path) -> None:
    declared(project, "preview", {"name": "preview", "deliverOn": "pull-request"})
    assert problems(name="live") == [
        "tekton-delivery:environments[0].promotesFrom: missing, and its default `staging` is no environment of the "
        "project's stack files, where pull requests are delivered to preview; write the one whose mark it demands: "
        "`promotesFrom: preview`"
    ]
    assert problems(name="live", promotesFrom="preview") == []
    assert problems(name="live", promotesFrom="staging") == [], "said on purpose: its stack may be in another project"


def test_a_project_with_nothing_but_this_stack_says_nothing_about_others(project: Path) -> None:
    assert problems(name="production") == []
    declared(project, "production", PRODUCTION)
    assert problems(name="production") == []


@pytest.mark.parametrize("text", ["", "- a", "config: 3", "config: {'tekton-delivery:environments': x}", "{", "a: [\x00"])
def test_a_file_that_is_none_of_this_program_is_left_out(project: Path, text: str) -> None:
    stack_file(project, "broken", text)
    stack_file(project, "odd", f"config: {{'{OWN}': [3, {{name: [x]}}, {{name: production}}]}}")
    assert problems(name="production") == []
