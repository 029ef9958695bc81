"""Texts that a run hands on: Tekton puts its own variables into them, and knows no way to write one that stays as it is."""

import re
from collections.abc import Callable, Iterator

from components.settings.application import Application
from components.settings.errors import Location, path
from components.settings.settings import Settings
from components.settings.types import Source

# All that Tekton substitutes, in one pass of it or another (https://tekton.dev/docs/pipelines/variables/). What else looks
# like a variable is handed on: `$(date)` in a command.
_VARIABLE = re.compile(
    r"\$\((?:artifacts|context|credentials|finally|inputs|outputs|params|resources|results|steps?|tasks|workspaces)[.\[]"
)
# What Tekton's webhook takes for a variable in a param of a Pipeline, and refuses where it knows none of that name.
_LIKE_ONE = re.compile(r"\$\([_a-zA-Z0-9.-]+(?:\[(?:[0-9]+|\*)\])?\)")


def variables(settings: Settings, text: Callable[[str | Source], str]) -> Iterator[str]:
    """Yield a line for each text that would not arrive as it stands; `text` returns a value's content."""
    for number, application in enumerate(settings.applications):
        here: Location = ("applications", number)
        for place, value in _of_services(application):
            yield from _substituted((*here, *place), value)
        for place, value in _of_pipelines(application):
            yield from _substituted((*here, *place), value, _LIKE_ONE)
        for name, argument in application.build_args.items():
            where = (*here, "buildArgs", name)
            if re.search(r"[\r\n]", text(argument)):
                yield f"{path(where)}: has more than one line, and the next one would be an argument of its own; join them"
            yield from _substituted(where, text(argument), _LIKE_ONE)
    for number, environment in enumerate(settings.environments):
        approval = environment.approval
        for key, names in (("users", approval.users), ("groups", approval.groups)) if approval else ():
            for index, name in enumerate(names):
                yield from _substituted(("environments", number, "approval", key, index), name)


def _of_pipelines(application: Application) -> Iterator[tuple[Location, str]]:
    yield ("testCommand",), application.test_command
    if application.tests and application.tests.command:
        yield ("tests", "command"), application.tests.command
    yield ("dockerfile",), application.dockerfile
    yield ("context",), application.context
    for index, inside in enumerate(application.paths):
        yield ("paths", index), inside
    if check := application.smoke_check:
        yield ("smokeCheck", "path"), check.path
        yield ("smokeCheck", "contains"), check.contains


def _of_services(application: Application) -> Iterator[tuple[Location, str]]:
    for name, service in application.services.items():
        where: Location = ("services", name)
        for key, texts in (("command", service.command), ("args", service.args)):
            for index, each in enumerate(texts):
                yield (*where, key, index), each
        for variable, value in service.env.items():
            yield (*where, "env", variable), value
        if service.ready and service.ready.path:
            yield (*where, "ready", "path"), service.ready.path


def _substituted(place: Location, value: str, *more: re.Pattern[str]) -> Iterator[str]:
    found = next((found for pattern in (_VARIABLE, *more) if (found := pattern.search(value))), None)
    if found and found.re is _LIKE_ONE:
        yield (
            f"{path(place)}: holds `{found[0]}`, which Tekton takes for a variable of its own and refuses; write it "
            f"otherwise, in a shell for example `$( {found[0][2:]}`"
        )
    elif found:
        yield (
            f"{path(place)}: holds `{found[0]}`, in whose place Tekton puts a value of its own, and nothing keeps it from "
            f"that; write it otherwise, in a shell for example `$( {found[0][2:]}`"
        )
