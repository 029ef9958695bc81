"""Which environment believes which one: only what pull requests are delivered to signs marks, and others wait for these."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.settings.environment import Environment
from components.settings.errors import PREFIX, Location, path
from components.settings.settings import Settings

_BUILDS, _PROMOTES = "pull-request", "merge"
_DEFAULT = Environment.model_fields["promotes_from"].default


@dataclass(frozen=True)
class Declared:
    """An environment as a stack file of the project has it, which may be any text."""

    file: str
    how: str
    promotes_from: str


def promotion_inconsistencies(settings: Settings, folder: Path) -> Iterator[str]:
    """Yield a line for each environment that would wait for a mark that nobody makes. `folder` has the stack files."""
    for index, environment in enumerate(settings.environments):
        place: Location = ("environments", index)
        if environment.deliver_on == _BUILDS:
            if "promotes_from" in environment.model_fields_set:
                problem = "says nothing where it delivers on pull-request, for nothing is promoted to it; remove it"
                yield _line(place, environment, problem)
            continue
        if environment.promotes_from == environment.name:
            yield _line(place, environment, "is the environment itself; name the one whose mark it demands")
            continue
        here = [other.deliver_on for other in settings.environments if other.name == environment.promotes_from]
        if not here:
            yield from _of_another_stack(place, environment, settings, _elsewhere(folder))
        elif _BUILDS not in here:
            source = next(other.promotes_from for other in settings.environments if other.name == environment.promotes_from)
            yield _line(place, environment, _endless("delivers on merge itself", source))


def _of_another_stack(
    place: Location, environment: Environment, settings: Settings, elsewhere: Mapping[str, list[Declared]]
) -> Iterator[str]:
    """What is in another stack may be in another project too, so that only what is certain is refused."""
    wanted = environment.promotes_from
    found = elsewhere.get(wanted, [])
    if found and all(other.how == _PROMOTES for other in found):
        yield _line(place, environment, _endless(f"delivers on merge itself (in {found[0].file})", found[0].promotes_from))
        return
    builds = [other.name for other in settings.environments if other.deliver_on == _BUILDS]
    if "promotes_from" in environment.model_fields_set or (found and not builds):
        return
    where = "this stack"
    if not builds:
        builds = sorted(name for name, places in elsewhere.items() if any(other.how == _BUILDS for other in places))
        where = "the project's stack files"
    if builds:
        yield (
            f"{path((*place, 'promotesFrom'))}: missing, and its default `{wanted}` is no environment of {where}, where "
            f"pull requests are delivered to {' and '.join(builds)}; write the one whose mark it demands: "
            f"`promotesFrom: {builds[0]}`"
        )


def _endless(promoted: str, source: str) -> str:
    return (
        f"{promoted}, and only an environment that delivers on pull-request signs what it ran: this one would wait in vain; "
        f"name the one that builds, e.g. `promotesFrom: {source}`, from which several may promote, "
        "each in a stack of its own"
    )


def _elsewhere(folder: Path) -> Mapping[str, list[Declared]]:
    """Return the environments that the stack files of a folder declare. What is none of this program's is left out."""
    found: dict[str, list[Declared]] = {}
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        for declared in _declared(file):
            if isinstance(declared, dict) and isinstance(declared.get("name"), str):
                other = Declared(file.name, str(declared.get("deliverOn")), str(declared.get("promotesFrom", _DEFAULT)))
                found.setdefault(declared["name"], []).append(other)
    return found


def _declared(file: Path) -> list[Any]:
    try:
        loaded = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError):
        return []
    config = loaded.get("config") if isinstance(loaded, dict) else None
    environments = config.get(f"{PREFIX}:environments") if isinstance(config, dict) else None
    return environments if isinstance(environments, list) else []


def _line(place: Location, environment: Environment, problem: str) -> str:
    return f"{path((*place, 'promotesFrom'))} = {json.dumps(environment.promotes_from)}: {problem}"
