"""The reference of all settings, as Markdown: a section for each top-level key, a row for each key below it."""

import typing
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.conventions import PROJECT
from components.settings.errors import example
from components.settings.files import ApplicationsFile
from components.settings.form import Form
from components.settings.settings import Settings
from components.settings.sources import SecretSource
from components.settings.types import Source
from components.settings.volumes import ValueFrom

HEAD = f"""# Settings

Every key of `Pulumi.<stack>.yaml`, below `config:` and with the prefix `{PROJECT}:`. Made from the model in
`components/settings/` by `make reference`, with [settings.schema.json](settings.schema.json) for editors: the shipped stack
files name it in their first line. `[]` is an item of a list, `<…>` a key that you choose.

A *source* is a mapping with one key: `{{file: PATH}}`, a file relative to the project, or `{{config: NAME}}`, a secret set
with `pulumi config set --secret NAME`. Where `secret` is allowed too, `{{secret: {{name: NAME, key: KEY}}}}` names a Secret
of the environment's delivery namespace that is there already
([which form it has](real-clusters.md#secrets-that-are-on-the-cluster)).
"""
COLUMNS = "| key | allowed | default | example | meaning |\n|---|---|---|---|---|\n"

FILE = """
In the place of an application, the file that holds one or a list of them ([many applications](applications.md)):

"""

# What is one row, whatever keys it has.
SOURCES = (Source, SecretSource)
LEAVES = (*SOURCES, ValueFrom)

Place = tuple[str, ...]


def text() -> str:
    """Return the page as it stands in docs/settings.md."""
    parts = [HEAD]
    for key, group in groupby(rows(Settings), lambda row: row[0][0]):
        field = next(field for name, field in Settings.model_fields.items() if (field.alias or name) == key.rstrip("[]"))
        parts.append(f"\n## {key.rstrip('[]')}\n\n{_sentence(field)}\n\n{COLUMNS}")
        parts += [_row(place, field, within) for place, field, within in group]
        if key == "applications[]":
            parts += [FILE, COLUMNS, *(_row(*row) for row in rows(ApplicationsFile, (key,), (key,)))]
    return "".join(parts)


def rows(model: type[BaseModel], above: Place = (), within: Place = ()) -> Iterator[tuple[Place, FieldInfo, Place]]:
    """Yield every key that takes a value, with its place, e.g. `("environments[]", "name")`.

    The last item is the place of the nearest mapping above it that a stack may leave out. What has the keys that stand
    beside it, as a further workload has the application's, is one row.
    """
    for name, field in model.model_fields.items():
        place, inner = _step(field.alias or name, field.annotation)
        below = (*above, *place)
        if inner is not None and inner not in SOURCES and not issubclass(model, inner):
            yield from rows(inner, below, within if field.is_required() else below)
        else:
            yield (*above, field.alias or name), field, within


def _step(key: str, annotation: Any) -> tuple[Place, type[BaseModel] | None]:
    """Return how a key is written on the way to the model in its annotation, and that model."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (key,), annotation
    if origin is list:
        return (f"{key}[]",), _step(key, arguments[0])[1]
    if origin is dict:
        return (key, "<name>"), _step(key, arguments[1])[1]
    found = [_step(key, argument) for argument in arguments if origin is not Literal]
    alternatives = [argument for argument in arguments if argument is not type(None)]
    return found[0] if len(alternatives) == 1 and found and found[0][1] else ((key,), None)


def _row(place: Place, field: FieldInfo, within: Place) -> str:
    required = f"required with `{'.'.join(within)}`" if within else "required"
    default = required if field.is_required() else _code(field.get_default(call_default_factory=True))
    right = example(field)
    shown = _code(right) if right not in ({}, None, "") else ""
    cells = [f"`{'.'.join(place)}`", allowed(field.annotation, field.metadata), default, shown, _sentence(field)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _sentence(field: FieldInfo) -> str:
    return field.description or ""


def _code(value: Any) -> str:
    """Return a value as it stands in a stack file."""
    if value in (None, "", {}, []):
        return "none"
    if isinstance(value, Source):
        value = value.model_dump(exclude_none=True)
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000).removesuffix("...\n").strip()
    return f"`{text}`"


def allowed(annotation: Any, metadata: typing.Sequence[Any] = ()) -> str:
    """Return in words what a value has to look like."""
    for item in metadata:
        if isinstance(item, Form):
            return item.allowed
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return allowed(arguments[0], arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"a list: {allowed(arguments[0])}"
    if origin is dict:
        return f"a mapping: {allowed(arguments[0])} → {allowed(arguments[1])}"
    if arguments:
        return ", or ".join(allowed(argument) for argument in arguments if argument is not type(None))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in LEAVES:
        keys = [f"`{field.alias or name}`" for name, field in annotation.model_fields.items()]
        return f"{', '.join(keys[:-1])} and {keys[-1]}, as beside it"
    if annotation is ValueFrom:
        return "`secretKeyRef` or `configMapKeyRef`, with `name` and `key`"
    if annotation is Any:
        return "anything"
    return {
        str: "text",
        bool: "`true` or `false`",
        int: "a whole number",
        Source: "a source",
        SecretSource: "a source, or `secret`",
    }[annotation]
