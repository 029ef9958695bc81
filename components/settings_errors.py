"""Turns pydantic's findings into messages that say where, what, what is allowed and how to mend it."""

import difflib
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

PREFIX = "tekton-delivery"


class SettingsError(Exception):
    """The stack's configuration cannot be used as it is. The message holds one line for each mistake."""


def describe(error: ValidationError, model: type[BaseModel], stack: str) -> str:
    """Return one line for each mistake in `error`, under a line that names the stack's file."""
    lines = [f"Pulumi.{stack}.yaml cannot be used:"]
    for finding in error.errors(include_url=False):
        location = finding["loc"]
        where = _path(location) or PREFIX
        if finding["type"] == "extra_forbidden":
            lines.append(f"  {where}: unknown key; {_alternatives(model, location)}")
        elif finding["type"] == "missing":
            lines.append(f"  {where}: missing; it is {_allowed(model, location)}")
        else:
            message = finding["msg"].removeprefix("Value error, ")
            value = "" if isinstance(finding["input"], dict | list) else f" = {finding['input']!r}"
            allowed = _allowed(model, location)
            lines.append(f"  {where}{value}: {message}" + (f" ({allowed})" if allowed else ""))
    return "\n".join(lines)


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part in {"str", "Source"}:  # the arm of a union, not a key
            continue
        else:
            text += f".{part}" if text else f"{PREFIX}:{part}"
    return text


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    current: Any = model
    for part in location:
        if isinstance(part, int) or part in {"str", "Source"}:
            continue
        if current is None:
            return None
        field = _field(current, part)
        current = _inner_model(field.annotation) if field else None
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _field(model: type[BaseModel], alias: str) -> Any:
    return next((field for name, field in model.model_fields.items() if alias in (name, field.alias)), None)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arm in typing.get_args(annotation) if (found := _inner_model(arm))), None)


def _allowed(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    names = [part for part in location if isinstance(part, str) and part not in {"str", "Source"}]
    if not names:
        return ""
    parent = _model_at(model, tuple(names[:-1]))
    field = _field(parent, names[-1]) if parent else None
    return (field.description or "") if field else ""


def _alternatives(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    parent = _model_at(model, location[:-1])
    known = [field.alias or name for name, field in parent.model_fields.items()] if parent else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean `{close[0]}`? " if close else ""
    return f"{hint}allowed: {', '.join(known)}"
