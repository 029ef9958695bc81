"""Turns what is wrong with a stack's settings into lines that say where, what, what is allowed and how to mend it."""

import difflib
import json
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from components.settings.origins import Location as Location
from components.settings.origins import origin

PREFIX = "tekton-delivery"
# Arms of a union; part of pydantic's locations, but no keys.
TEXT_ARM, SOURCE_ARM = "<text>", "<source>"

# Somebody's name and password in a URL.
_PASSWORD = re.compile(r"//[^/@:\s]*:[^/@\s]*@")

# What pydantic calls a mistake → what has to be there instead.
SHAPES = {
    "model_type": "a mapping (`key: value`)",
    "dict_type": "a mapping (`key: value`)",
    "list_type": "a list (each item begins with `- `)",
    "string_type": "text (a number or `yes` needs quotes)",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "too_short": "a list of at least one item",
    "string_too_short": "text of at least one character",
}


def yaml_mistake(error: Exception) -> str:
    """Return what is wrong with a file that is no YAML, and where, in one line and without a word of the file."""
    at, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or getattr(error, "reason", None)
    return f"{f'line {at.line + 1}: ' if at else ''}{problem or type(error).__name__}"


class SettingsError(Exception):
    """The stack's configuration cannot be used as it is. The message holds one line for each mistake."""


def refusal(stack: str, lines: Iterable[str]) -> SettingsError:
    """Return the error for a stack whose settings have these mistakes."""
    return SettingsError("\n".join([f"Pulumi.{stack}.yaml cannot be used:", *(f"  {line}" for line in _once(lines))]))


# The place of a default, and whose setting it has become.
_SHARED = re.compile(rf"({PREFIX}:defaults\S*) \(of ([^)]*)\)")


def _once(lines: Iterable[str]) -> list[str]:
    """Say once what is wrong with what many have from one default."""
    owners: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        shared = _SHARED.match(line)
        place, rest, owner = (shared[1], line[shared.end() :], shared[2]) if shared else ("", line, "")
        owners.setdefault((place, rest), []).append(owner)
    return [
        (f"{place} (of {first}{f' and {len(others)} more' if others else ''})" if place else "") + rest
        for (place, rest), (first, *others) in owners.items()
    ]


def describe(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one line for each mistake that pydantic found in the settings of `model`."""
    return [_line(finding, model) for finding in error.errors(include_url=False)]


def unknown(location: Location, known: Sequence[str]) -> str:
    """Return the line for a key that does not exist."""
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean `{close[0]}`? " if close else ""
    return f"{path(location)}: unknown key; {hint}Allowed: {', '.join(known)}"


def path(location: Location) -> str:
    """Return a key's place as people wrote it, e.g. `tekton-delivery:applications[0].port` or `teams/shop.yaml: port`."""
    at = origin(tuple(_keys(location)))
    text = ""
    for part in at.location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    if at.file:
        return f"{at.file}: {text}" if text else at.file
    return f"{PREFIX}:{text}" + (f" (of {at.of})" if at.of else "")


def contradiction(location: Location, value: str | int, problem: str) -> str:
    """Return the line of a setting that is well-formed and cannot be."""
    return f"{path(location)} = {json.dumps(value)}: {problem}"


def _line(finding: Any, model: type[BaseModel]) -> str:
    location: Location = finding["loc"]
    owner, field = _locate(model, location)
    if finding["type"] == "extra_forbidden":
        return unknown(location, [known.alias or name for name, known in owner.model_fields.items()] if owner else [])
    purpose = f" ({field.description})" if field and field.description else ""
    fix = _fix(location, field)
    if finding["type"] == "missing":
        return f"{path(location)}: missing; add {fix}{purpose}"
    allowed = SHAPES.get(finding["type"]) or str(finding["msg"]).removeprefix("Value error, ")
    if finding["type"] == "literal_error":
        allowed = str(finding["ctx"]["expected"]).replace("'", "`")
    subject = "the key must be" if "[key]" in location else "must be"
    value = _shown(finding["input"]) if field is None or field.repr else ""
    secret = field is not None and (model_in(field.annotation, "Source") or model_in(field.annotation, "SecretSource"))
    if secret and not {SOURCE_ARM, TEXT_ARM, "[key]"} & set(location):
        # What stands in a secret's place may be one, so it is not shown.
        is_text = not isinstance(finding["input"], dict | list)
        value, subject = "", "no secret belongs into this file: must be" if is_text else subject
    return f"{path(location)}{value}: {subject} {allowed}" + (f", e.g. {fix}" if fix else "") + purpose


def _shown(value: Any) -> str:
    """Return the value for a message."""
    if isinstance(value, dict | list):
        return f" is {'a' if value else 'an empty'} {'mapping' if isinstance(value, dict) else 'list'}"
    text = _PASSWORD.sub("//…@", json.dumps(value, ensure_ascii=False))
    return f" = {text if len(text) <= 80 else text[:77] + '...'}"


def _keys(location: Location) -> list[int | str]:
    return [part for part in location if part not in (TEXT_ARM, SOURCE_ARM, "[key]")]


def _locate(model: type[BaseModel], location: Location) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """Return the model that a location lies in, and its field there; None for what lies in a plain mapping."""
    owner: type[BaseModel] | None = model
    field: FieldInfo | None = None
    within: Any = model
    for part in _keys(location):
        if isinstance(part, int):
            continue
        values = values_of(within)
        if values is not None:  # a key that the user chose; what stands there belongs to the same field
            within = values
            continue
        owner = model_in(within)
        found = owner.model_fields.items() if owner else ()
        field = next((info for name, info in found if part in (name, info.alias)), None)
        if field is None:
            return owner, None
        within = field.annotation
    return owner, field


def values_of(annotation: Any) -> Any:
    """Return what the values of a mapping such as `dict[str, Model]` are, or None where keys are fixed."""
    arguments = typing.get_args(annotation)
    return arguments[1] if typing.get_origin(annotation) is dict else None


def model_in(annotation: Any, name: str = "") -> type[BaseModel] | None:
    """Return the model in an annotation such as `list[Model] | None`, if it has one (of that name)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation if name in ("", annotation.__name__) else None
    return next((found for arm in typing.get_args(annotation) if (found := model_in(arm, name))), None)


def _fix(location: Location, field: FieldInfo | None) -> str:
    """Return a line that would be right in this place, e.g. `port: 8080`."""
    names = [part for part in _keys(location) if isinstance(part, str)]
    if field is None or not names:
        return ""
    right = example(field)
    if values_of(field.annotation) is not None and isinstance(right, dict) and names[-1] != field.alias:
        ((name, value),) = right.items()
        return f"`{name}: {_flow(value)}`"
    if isinstance(location[-1], int) and isinstance(right, list):
        return f"`- {_flow(right[0])}`"
    name = f"{PREFIX}:{names[-1]}" if len(names) == 1 else names[-1]
    return f"`{name}: {_flow(right)}`"


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("...\n").strip()


def example(field: FieldInfo) -> Any:
    """Return a value that would be right for a field: its example, its default, or what its model needs."""
    if field.examples:
        return field.examples[0]
    if isinstance(field.default, str | int):
        return field.default
    model = model_in(field.annotation)
    if model is None:
        return {}
    inner = {info.alias or name: example(info) for name, info in model.model_fields.items() if info.is_required()}
    return [inner] if typing.get_origin(field.annotation) is list else inner
