"""Each component is usable on its own from another program: the blocks of docs/components.md, run one by one."""

import re
from functools import cache

import pulumi
import pytest

from components.conventions import PROJECT, token
from tests.support import ROOT, Declared, declare
from tests.test_components import component_classes

TEXT = (ROOT / "docs" / "components.md").read_text()
EXAMPLES = dict(re.findall(r"^## (\w+)\n.*?^```python\n(.*?)^```", TEXT, re.M | re.S))


@cache
def ran(name: str) -> Declared:
    return declare(lambda: exec(EXAMPLES[name], {"pulumi": pulumi}))


def test_every_component_has_an_example() -> None:
    assert {token(name) for name in EXAMPLES} == component_classes().keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_declares_its_component_and_nothing_beside_it(name: str) -> None:
    declared = ran(name)
    (component,) = (resource for resource in declared.resources if resource.type.startswith(f"{PROJECT}:"))
    assert component.type == token(name)
    children = [item for item in declared.resources if item.type.startswith(("kubernetes:", "random:"))]
    assert children
    assert {child.parent for child in children} == {component.urn}
    assert component.urn in declared.recording.component_outputs, "its outputs are registered"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_component_uses_the_provider_that_it_is_given(name: str) -> None:
    """No component reads a configuration or makes a provider of its own."""
    assert [item.urn for item in ran(name).resources if item.type.startswith("pulumi:providers")] == []
