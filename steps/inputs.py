"""What a step is given: environment variables, read once into frozen dataclasses."""

import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

T = TypeVar("T")

_VARIABLE = "variable"


class StepError(Exception):
    """What ends a step and is told."""


class InputError(StepError):
    """A variable that a step needs is not there, or is of no form."""


def given(variable: str) -> Any:
    """Declare a field that is read from an environment variable.

    Its type says how: str as it is, int, bool (`true`), Path, tuple[str, ...] one a line.
    With `| None` an empty one is None.
    """
    return field(metadata={_VARIABLE: variable})


def read(inputs: type[T], environ: Mapping[str, str]) -> T:
    """Return a dataclass of inputs. Raises InputError.

    A field that is one itself is read too; with `| None` it is None where its first variable is.
    """
    hints = typing.get_type_hints(inputs)
    values = {}
    for item in fields(inputs):  # type: ignore[arg-type]
        kind, optional = _kind(hints[item.name])
        if is_dataclass(kind):
            empty = optional and not environ.get(variables(kind)[0])
            values[item.name] = None if empty else read(cast(Any, kind), environ)
        else:
            values[item.name] = _value(kind, optional, item.metadata[_VARIABLE], environ)
    return inputs(**values)


def variables(inputs: Any, there: Collection[str] | None = None) -> list[str]:
    """Return the variables that a dataclass of inputs is read from: all, or those that it needs besides what is `there`."""
    hints = typing.get_type_hints(inputs)
    found = []
    for item in fields(inputs):
        assert item.default is MISSING, f"{item.name}: what a step is given, its Task says"
        kind, optional = _kind(hints[item.name])
        if not is_dataclass(kind):
            found.append(item.metadata[_VARIABLE])
        elif not (optional and there is not None and variables(kind)[0] not in there):
            found += variables(kind, there)
    return found


def _kind(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None)), True
    return hint, False


def _value(kind: Any, optional: bool, variable: str, environ: Mapping[str, str]) -> Any:
    text = environ.get(variable)
    if not text and optional:
        return None
    if text is None:
        raise InputError(f"the variable {variable} is not given")
    if kind is bool:
        return text == "true"
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise InputError(f"the variable {variable} is no number") from None
    if kind is Path:
        return Path(text)
    if kind is str:
        return text
    return tuple(line for line in text.split("\n") if line)
