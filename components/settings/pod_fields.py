"""Which fields a pod's spec has, as the SDK knows them: the API server drops others, and Pulumi shows no warning."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any


def unknown(spec: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield a sentence for each field of a pod's spec, as YAML has it, that there is none of that name."""
    # Stacks without a patch do without the two seconds that this takes.
    from pulumi_kubernetes.core.v1 import PodSpecArgs

    return _unknown(spec, PodSpecArgs, place)


def _unknown(value: Any, kind: Any, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, kind, f"{place}[{number}]")
    elif isinstance(value, Mapping) and (fields := _fields(kind)):
        for name, item in value.items():
            if name in fields:
                yield from _unknown(item, fields[name], f"{place}.{name}")
            else:
                close = difflib.get_close_matches(str(name), fields, 1)
                yield f"`{place}.{name}` is no field of a pod" + (f" (did you mean `{close[0]}`?)" if close else "")


def _fields(kind: Any) -> dict[str, Any]:
    """Return the fields of the object that a type is, or has in it; none for mappings whose keys are anybody's."""
    from pulumi import _types

    if _types.is_input_type(kind):
        fields: dict[str, Any] = _types.input_type_types(kind)
        return fields
    if typing.get_origin(kind) in (dict, Mapping):
        return {}
    return next((found for part in typing.get_args(kind) if (found := _fields(part))), {})
