"""Environments that wait for each other, where each has a stack of its own: what would wait in vain is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.plan.stack import StackPlan
from components.settings.errors import SettingsError
from offline.run import stack_config
from tests.test_settings import VALID, load

OWN = "tekton-delivery:environments"


def stack_file(folder: Path, stack: str, text: str) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text(text)


def declared(folder: Path, stack: str, *environments: Mapping[str, object], **settings: object) -> None:
    """Another stack of the project; `settings` are others of its own, by key."""
    valid = {key: json.loads(value) if value[0] in "[{" else value for key, value in stack_config(VALID).items()}
    valid["tekton-delivery:mark"] = {"publicKey": {"file": f"{stack}-believes.pub"}}
    config = valid | {OWN: environments} | {f"tekton-delivery:{key}": value for key, value in settings.items()}
    stack_file(folder, stack, json.dumps({"config": config}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(**environment: object) -> list[str]:
    """What is said of a stack with this one environment, beside the first line."""
    try:
        load(stack_config(VALID) | {OWN: json.dumps([{"deliverOn": "merge"} | environment])})
    except SettingsError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


STAGING = {"name": "staging", "deliverOn": "pull-request"}
PRODUCTION = {"name": "production", "deliverOn": "merge"}


KEY: dict[str, object] = {"privateKey": {"file": "secrets/p.key"}, "password": {"file": "secrets/p-password"}}


def test_a_third_one_in_a_row_is_refused_where_the_second_one_vouches_for_nothing(project: Path) -> None:
    """By what the project's other stacks say."""
    declared(project, "staging", STAGING)
    declared(project, "production", PRODUCTION)
    assert problems(name="eu", promotesFrom="production") == [
        'tekton-delivery:environments[0].promotesFrom = "production": delivers on merge (in Pulumi.production.yaml) and '
        "vouches for nothing, so this one would wait in vain; give production a key pair of its own, `mark: {privateKey: "
        "{file: secrets/production-mark.key}, password: {file: secrets/production-mark-password}}`, or name the one that "
        "builds, e.g. `promotesFrom: staging`"
    ]
    declared(project, "production", PRODUCTION | {"mark": KEY})
    assert problems(name="eu", promotesFrom="production") == []
    assert problems(name="eu", promotesFrom="staging") == [], "two may promote from the same one"
    assert problems(name="eu") == []


def test_the_key_that_the_second_one_believes_is_not_the_one_that_it_signs_by(project: Path) -> None:
    """As where its stack file was copied. A key of its configuration may be another one there."""
    declared(project, "production", PRODUCTION | {"mark": KEY}, mark={"publicKey": {"file": "mark.pub"}})
    assert problems(name="eu", promotesFrom="production") == [
        "tekton-delivery:environments[0].mark.publicKey: is the key by which production believes staging, while production "
        "signs by its own; name its public half, e.g. `mark: {publicKey: {file: production-mark.pub}}`"
    ]
    assert problems(name="eu", promotesFrom="production", mark={"publicKey": {"file": "production.pub"}}) == []
    declared(project, "production", PRODUCTION | {"mark": KEY}, mark={"publicKey": {"config": "mark"}})
    assert problems(name="eu", promotesFrom="production") == []


def test_stacks_that_promote_from_each_other_are_refused(project: Path) -> None:
    declared(project, "staging", STAGING)
    declared(project, "us", {"name": "us", "deliverOn": "merge", "promotesFrom": "eu", "mark": KEY})
    declared(project, "production", PRODUCTION | {"promotesFrom": "us", "mark": KEY})
    assert problems(name="eu", promotesFrom="production") == [
        'tekton-delivery:environments[0].promotesFrom = "production": leads in a circle (eu from production from us from '
        "eu), where nothing is built; name the one that builds"
    ]
    declared(project, "us2", {"name": "us", "deliverOn": "merge", "promotesFrom": "staging", "mark": KEY})
    assert problems(name="eu", promotesFrom="production") == [], "a copy of the file leads elsewhere: nothing is certain"


def test_an_environment_that_no_stack_file_has_is_said_and_not_refused(project: Path) -> None:
    """Its stack may be in another project; where the project has only this one, that is likely."""

    def warnings(name: str) -> list[str]:
        environment = [{"name": "eu", "deliverOn": "merge", "promotesFrom": name}]
        return StackPlan(load(stack_config(VALID) | {OWN: json.dumps(environment)})).warnings

    def about(found: list[str]) -> list[str]:
        return [line for line in found if "promotesFrom" in line]

    assert about(warnings("stagign")) == []
    declared(project, "staging", STAGING)
    assert about(warnings("staging")) == []
    assert about(warnings("stagign")) == [
        'tekton-delivery:environments[0].promotesFrom = "stagign": no stack file beside this one has such an environment, '
        "but staging; right if its stack is in another project, else its mark never comes"
    ]


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
