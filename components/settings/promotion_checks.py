"""Which environment believes which one: each waits for the mark of the one before, in vain for one that signs none."""

import json
from collections.abc import Iterator

from components.settings.environment import Environment
from components.settings.errors import Location, path
from components.settings.neighbours import BUILDS, PROMOTES, Neighbours
from components.settings.settings import Settings
from components.settings.types import Source


def promotion_inconsistencies(settings: Settings, elsewhere: Neighbours) -> Iterator[str]:
    """Yield a line for each environment that would wait for a mark that nobody makes, or believe the wrong one."""
    for index, environment in enumerate(settings.environments):
        place: Location = ("environments", index)
        if environment.deliver_on == BUILDS:
            if "promotes_from" in environment.model_fields_set:
                problem = "says nothing where it delivers on pull-request, for nothing is promoted to it; remove it"
                yield _line(place, environment, problem)
            continue
        if environment.promotes_from == environment.name:
            yield _line(place, environment, "is the environment itself; name the one whose mark it demands")
            continue
        if circle := _circle(environment, settings, elsewhere):
            yield _line(
                place, environment, f"leads in a circle ({circle}), where nothing is built; name the one that builds"
            )
            continue
        here = [other for other in settings.environments if other.name == environment.promotes_from]
        if not here:
            yield from _of_another_stack(place, environment, settings, elsewhere)
        elif not any(other.deliver_on == BUILDS for other in here):
            if not any(other.mark.private_key for other in here):
                yield _line(place, environment, _silent("delivers on merge", here[0].name, here[0].promotes_from))
            elif here[0].mark.believed(settings.mark) == environment.mark.believed(settings.mark):
                yield _believes_another(place, environment, here[0].promotes_from)


def promotion_warnings(settings: Settings, elsewhere: Neighbours) -> Iterator[str]:
    """Yield a line for each environment that promotes from one which no stack file of the project has."""
    others = {name for name, places in elsewhere.items() if places}
    names = {environment.name for environment in settings.environments}
    for index, environment in enumerate(settings.environments):
        wanted = environment.promotes_from
        if environment.deliver_on == PROMOTES and others - names and wanted not in names | others:
            place: Location = ("environments", index)
            problem = (
                f"no stack file beside this one has such an environment, but {', '.join(sorted(others - names))}; "
                "right if its stack is in another project, else its mark never comes"
            )
            yield _line(place, environment, problem)


def _of_another_stack(place: Location, environment: Environment, settings: Settings, elsewhere: Neighbours) -> Iterator[str]:
    """What is in another stack may be in another project too, so that only what is certain is refused."""
    wanted = environment.promotes_from
    found = elsewhere.get(wanted, [])
    if found and all(other.promotes for other in found):
        first = next((other for other in found if other.vouches), None)
        if first is None:
            yield _line(
                place, environment, _silent(f"delivers on merge (in {found[0].file})", wanted, found[0].promotes_from)
            )
        elif _same(first.believes, environment.mark.believed(settings.mark)):
            yield _believes_another(place, environment, first.promotes_from)
        elif broken := _broken(wanted, elsewhere):
            problem = f"how long to wait for it is in {broken}, which cannot be used: mend that first"
            yield _line(place, environment, f"{problem}; a preview of its stack says what is wrong")
        return
    builds = [other.name for other in settings.environments if other.deliver_on == BUILDS]
    if "promotes_from" in environment.model_fields_set or (found and not builds):
        return
    where = "this stack"
    if not builds:
        builds = sorted(name for name, places in elsewhere.items() if any(other.how == BUILDS for other in places))
        where = "the project's stack files"
    if builds:
        yield (
            f"{path((*place, 'promotesFrom'))}: missing, and its default `{wanted}` is no environment of {where}, where "
            f"pull requests are delivered to {' and '.join(builds)}; write the one whose mark it demands: "
            f"`promotesFrom: {builds[0]}`"
        )


def _broken(name: str, elsewhere: Neighbours) -> str | None:
    """Return a stack file on the way to an environment whose settings are of no form."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        found = elsewhere.get(name, [])
        if not found or not all(other.promotes for other in found):
            return None
        broken = next((other.file for other in found if other.settings is None), None)
        if broken:
            return broken
        name = found[0].promotes_from
    return None


def _circle(environment: Environment, settings: Settings, elsewhere: Neighbours) -> str:
    """Return the way from an environment back to itself; empty if there is none, or stack files tell of several ways."""
    ways = {name: {other.promotes_from for other in places if other.promotes} for name, places in elsewhere.items()}
    sure = {name for name, places in elsewhere.items() if all(other.promotes for other in places) and len(ways[name]) == 1}
    before = {name: next(iter(ways[name])) for name in sure}
    before |= {other.name: other.promotes_from for other in settings.environments if other.deliver_on == PROMOTES}
    for other in settings.environments:
        if other.deliver_on == BUILDS:
            before.pop(other.name, None)
    way = [environment.name, environment.promotes_from]
    while way[-1] in before and way[-1] not in way[:-1]:
        way.append(before[way[-1]])
    return " from ".join(way) if way[-1] == environment.name else ""


def _silent(delivers: str, wanted: str, source: str) -> str:
    return (
        f"{delivers} and vouches for nothing, so this one would wait in vain; give {wanted} a key pair of its own, "
        f"`mark: {{privateKey: {{file: secrets/{wanted}-mark.key}}, password: {{file: secrets/{wanted}-mark-password}}}}`, "
        f"or name the one that builds, e.g. `promotesFrom: {source}`"
    )


def _believes_another(place: Location, environment: Environment, source: str) -> str:
    wanted = environment.promotes_from
    return (
        f"{path((*place, 'mark', 'publicKey'))}: is the key by which {wanted} believes {source}, while {wanted} signs by "
        f"its own; name its public half, e.g. `mark: {{publicKey: {{file: {wanted}-mark.pub}}}}`"
    )


def _same(raw: object, source: Source | None) -> bool:
    """Return whether both name one file; of another stack's own configuration nothing is known."""
    return isinstance(raw, dict) and source is not None and source.file is not None and raw.get("file") == source.file


def _line(place: Location, environment: Environment, problem: str) -> str:
    return f"{path((*place, 'promotesFrom'))} = {json.dumps(environment.promotes_from)}: {problem}"
