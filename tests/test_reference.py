"""The reference page and the schema for editors say what the program checks."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from pydantic import ValidationError

from components.settings.errors import example
from components.settings.settings import Settings
from offline.reference import page, schema
from offline.reference.__main__ import FILES
from tests.support import ROOT, STACK_FILES, stack_file

HERE = Path(__file__).parent / "settings"
INVALID = sorted((HERE / "invalid").glob("*.yaml"))

# What one key means for another below the same mapping.
BEYOND_A_SCHEMA = {
    "address_range_of_everything",
    "address_range_of_metadata",
    "address_range_with_host_bits",
    "api_url_with_a_wrong_port",
    "approval_by_more_than_there_are",
    "approval_by_nobody",
    "autoscaling_upside_down",
    "kubeconfig_of_nobody",
    "registry_port_that_is_none",
    "volume_of_two_kinds",
    "patch_of_a_label",
    "patch_of_an_image",
    "patch_of_a_token",
    "patch_of_a_deadline",
    "patch_of_no_field",
    "arguments_that_no_process_takes",
    "smoke_check_of_an_answer_without_body",
}


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(schema.document())


def mistakes(document: Any) -> list[str]:
    """What an editor would underline."""
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(document)]


def changed(file: Path) -> Any:
    """The valid configuration, changed as a file of settings/invalid/ says."""
    text = file.read_text()
    removed = {
        f"tekton-delivery:{key}"
        for line in text.splitlines()
        if line.startswith("# without: ")
        for key in line.removeprefix("# without: ").split()
    }
    config = yaml.safe_load((HERE / "valid.yaml").read_text())["config"] | (yaml.safe_load(text) or {}).get("config", {})
    return {"config": {key: value for key, value in config.items() if key not in removed}}


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_those_of_the_model(name: str) -> None:
    assert (ROOT / name).read_text() == FILES[name](), "run `make reference`"


@pytest.mark.parametrize("name", STACK_FILES)
def test_the_shipped_stack_files_fit_the_schema_and_name_it(name: str) -> None:
    first, *_ = stack_file(name).read_text().splitlines()
    assert first == "# yaml-language-server: $schema=docs/settings.schema.json"
    assert mistakes(yaml.safe_load(stack_file(name).read_text())) == []


def test_the_schema_is_one_that_editors_read() -> None:
    Draft7Validator.check_schema(schema.document())


def fits_the_model(document: Any) -> bool:
    """Whether every key is right on its own; what keys mean for each other comes after, and a schema does not know it."""
    try:
        Settings.model_validate({key.removeprefix("tekton-delivery:"): value for key, value in document["config"].items()})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_editor_sees_every_key_that_is_wrong_on_its_own(file: Path) -> None:
    right = fits_the_model(changed(file)) or file.stem in BEYOND_A_SCHEMA
    assert (mistakes(changed(file)) == []) is right


def test_a_secret_of_the_stack_may_stand_beside_the_settings_and_nothing_else() -> None:
    document = changed(HERE / "valid.yaml")
    assert mistakes(document) == []
    document["config"] |= {"tekton-delivery:forgeToken": {"secure": "v1:abc"}, "kubernetes:context": "mine"}
    assert mistakes(document) == []
    document["config"] |= {"tekton-delivery:forgeToken": "ghp_in_the_clear"}
    assert len(mistakes(document)) == 1


def test_every_key_says_what_it_is_for_and_how_it_looks() -> None:
    for place, field, _ in page.rows(Settings):
        assert field.description, place
        assert example(field) not in (None, "", {}, []), place
