"""Every object of Kubernetes' own kinds, held against Kubernetes' own OpenAPI document: unknown fields are errors."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support import Declared, Object, both_environments, fetched_by_app, several_applications

FIXTURES = Path(__file__).parent / "fixtures" / "kubernetes"
# Custom resources, which have schemas, webhooks and tests of their own.
CUSTOM = ("tekton.dev", "triggers.tekton.dev", "gateway.networking.k8s.io")


@cache
def schemas() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / "schemas.json").read_text())
    return loaded


@cache
def validator(kind: str) -> Draft202012Validator:
    """The validator of a kind, e.g. `apps/v1/Deployment`."""
    reference = f"#/$defs/{schemas()['kinds'][kind]}"
    return Draft202012Validator({"$ref": reference, "$defs": schemas()["$defs"]})


def problems(objects: list[Object]) -> Iterator[str]:
    for item in objects:
        if item["apiVersion"].rpartition("/")[0] not in CUSTOM:
            kind, name = f"{item['apiVersion']}/{item['kind']}", item["metadata"]["name"]
            assert kind in schemas()["kinds"], f"{kind}: name it in {FIXTURES / 'make.py'} and run that"
            for error in validator(kind).iter_errors(item):
                yield f"{item['kind']} {name}: {error.json_path}: {error.message}"


def test_every_core_object_fits_the_pinned_openapi(stack: Declared) -> None:
    assert list(problems(stack.objects)) == []


def test_other_shapes_of_a_stack_fit_it_too() -> None:
    for declared in (both_environments(), several_applications(), fetched_by_app()):
        assert list(problems(declared.objects)) == []


def _deployment(stack: Declared) -> Object:
    found: Object = copy.deepcopy(stack.all("Deployment")[0])
    return found


def _pod(item: Object) -> Object:
    found: Object = item["spec"]["template"]["spec"]
    return found


BREAKS: list[tuple[Callable[[Object], object], str]] = [
    (lambda item: item.update(speck={}), "speck"),
    (lambda item: item["spec"].update(replica=1), "replica"),
    (lambda item: item["metadata"].update(label={}), "label"),
    (lambda item: _pod(item)["containers"][0].update(imagePolicy="Always"), "imagePolicy"),
    (lambda item: _pod(item).update(automountServiceAccountToken="no"), "'no' is not of type 'boolean'"),
    (lambda item: _pod(item).update(containers={}), "is not of type 'array'"),
    (lambda item: _pod(item)["containers"][0].pop("name"), "'name' is a required property"),
]


@pytest.mark.parametrize(("damage", "expected"), BREAKS, ids=[text for _, text in BREAKS])
def test_a_wrong_field_is_noticed(staging: Declared, damage: Callable[[Object], object], expected: str) -> None:
    item = _deployment(staging)
    damage(item)
    assert [problem for problem in problems([item]) if expected in problem]


def test_the_schemas_are_of_the_kubernetes_that_is_pinned() -> None:
    pinned = (FIXTURES.parents[2] / "local" / "modules" / "kubernetes" / "go.mod").read_text()
    assert (FIXTURES / "VERSION").read_text().strip() in pinned
