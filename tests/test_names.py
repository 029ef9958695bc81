"""Names that the cluster or this program uses already: refused, or nothing that is declared is called as something else."""

from collections import Counter
from typing import Any

import pytest

from components.settings.errors import SettingsError
from components.settings.names import PARTS
from tests.support import Declared, record_config, shipped_config

SOURCE = {"file": "secrets/database-url"}


def named(applications: list[str], environments: tuple[str, str]) -> Declared:
    """Both environments with applications that have secrets."""
    staging, production = shipped_config("staging"), shipped_config("production")
    (first,), (second,) = staging["environments"], production["environments"]
    own: dict[str, Any] = {
        "applications": {name: {"secrets": {"env": {"A": SOURCE}}} for name in applications},
        "nodePorts": {},
    }
    changed = {
        "environments": [
            first | own | {"name": environments[0]},
            second | own | {"name": environments[1], "promotesFrom": environments[0]},
        ],
        "mark": staging["mark"] | production["mark"],
        "applications": [{"name": name, "repository": f"acme/{name}"} for name in applications],
    }
    return record_config(staging | changed)


@pytest.mark.parametrize(
    ("applications", "environments", "says"),
    [
        (["shop"], ("kube-system", "live"), "is a namespace of the cluster itself"),
        (["shop"], ("qa", "default"), "is a namespace of the cluster itself"),
        (["default"], ("qa", "live"), "for pods without one"),
        (["registry-pull"], ("qa", "live"), "by which images are pulled"),
        (["shop", "eu-shop"], ("qa", "qa-eu"), "is called qa-eu-shop, as eu-shop in qa is"),
    ],
)
def test_a_name_that_is_taken_is_refused(applications: list[str], environments: tuple[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        named(applications, environments)


def test_the_parts_of_pipelines_names_are_those_that_are_declared(stacks: dict[str, Declared]) -> None:
    found = set()
    declared = [item for name in ("everything", "staging") for item in stacks[name].objects]
    for pipeline in (item for item in declared if item["kind"] == "Pipeline"):
        environment = pipeline["metadata"]["namespace"].removesuffix("-ci")
        found.add(pipeline["metadata"]["name"].removesuffix("pipeline").rpartition(f"-{environment}-")[2].removesuffix("-"))
    assert found - {""} == set(PARTS)


@pytest.mark.parametrize(
    ("applications", "environments"),
    [
        (["shop", "shop-pod", "shop-qa", "shop-qa-fork"], ("qa", "live")),
        (["deployer", "listener", "pruner", "freeze", "pods"], ("qa", "qa-eu")),
        (["build", "build-build", "tests", "report", "report-tests"], ("qa", "live")),
    ],
)
def test_what_is_let_through_is_declared_once(applications: list[str], environments: tuple[str, str]) -> None:
    stack = named(applications, environments)
    objects = Counter(
        (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        for item in stack.objects
    )
    urns = Counter(resource.urn for resource in stack.resources)
    assert [found for found, count in [*objects.items(), *urns.items()] if count > 1] == []
