"""What grows with the number of applications, and what must not: how long a chain of waiting resources gets."""

from collections import Counter

import yaml

from bench.growth import Command, Size, settings, table
from components.settings.stack import Stack
from offline.render import program
from offline.run import ROOT, Recording, placeholder, run
from tests.test_docs import _text


def declared(count: int) -> Recording:
    shipped = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
    config = {name: _text(value) for name, value in settings(shipped, count).items()}
    return run(lambda: program()(Stack.load(read=placeholder)), stack="growth", config=config)


def chain(recording: Recording) -> int:
    """The longest chain of resources that wait for each other."""
    depths: dict[str, int] = {}
    for resource in recording.resources:  # dependencies come first
        before = [urn for urn in (*resource.dependencies, resource.parent) if urn in depths]
        depths[resource.urn] = 1 + max((depths[urn] for urn in before), default=0)
    return max(depths.values())


def test_each_application_adds_the_same_resources_and_nothing_waits_longer() -> None:
    one, ten, fifty = (declared(count) for count in (1, 10, 50))
    assert chain(one) == chain(ten) == chain(fifty)
    first, second = (Counter(resource.type for resource in stack.resources) for stack in (one, ten))
    third = Counter(resource.type for resource in fifty.resources)
    for kind, number in third.items():
        assert (second[kind] - first[kind]) * 40 == (number - second[kind]) * 9, kind


def test_applications_do_not_wait_for_each_other() -> None:
    recording = declared(10)
    mine = {resource.urn: name for resource in recording.resources if (name := application(resource.name))}
    assert len(set(mine.values())) == 10
    for resource in recording.resources:
        others = {mine[urn] for urn in resource.dependencies if urn in mine} - {application(resource.name)}
        if application(resource.name):
            assert not others, resource.urn


def application(name: str) -> str:
    """The application that a resource is of, by its name; empty for what all share."""
    return next((f"app-{number:03}" for number in range(1, 11) if f"app-{number:03}" in name), "")


def test_the_table_tells_what_each_step_cost() -> None:
    command = Command(2.0, 100.0)
    lines = table(
        [Size(1, 50, command, command, command), Size(10, 150, command, command, Command(4.0, 120.0))]
    ).splitlines()
    assert lines[2] == "| 1 | 50 | 2.0 (40) | 2.0 (40) | 2.0 (40) | 100 |"
    assert lines[3] == "| 10 | 150 | 2.0 (13) | 2.0 (13) | 4.0 (27) | 120 |"
