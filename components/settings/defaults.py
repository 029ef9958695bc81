"""What a stack's applications, or its environments, have in common: said once, unless one of them says otherwise.

What one says counts as a JSON Merge Patch (RFC 7396) of what all have: mappings are merged key by key, lists and scalars are
replaced, null takes away. A mapping of which one key is allowed is replaced too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_origin

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from components.settings.application import Application
from components.settings.environment import Environment
from components.settings.errors import model_in, path, values_of
from components.settings.origins import Location, Written
from components.settings.types import Model

# What takes the place of what: who writes the first has none of the others from `defaults`.
_INSTEAD = {
    "testCommand": ("tests",),
    "tests": ("testCommand",),
    "stage": ("command", "image", "reports", "user"),
    "command": ("stage",),
    "ingress": ("gateway",),
    "gateway": ("ingress",),
    "autoscaling": ("replicas",),
    "replicas": ("autoscaling",),
}
# By what each is known, and where it comes from.
OWN = {"applications": ("name", "repository"), "environments": ("name",)}
_MODELS: Mapping[str, type[Model]] = {"applications": Application, "environments": Environment}


class Partly:
    """Some settings of a model, for editors; the program looks at them where they have become somebody's."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(source)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        own = dict(handler.resolve_ref_schema(handler(_MODELS[self._key].__pydantic_core_schema__)))
        own["properties"] = {name: value for name, value in own["properties"].items() if name not in OWN[self._key]}
        return {name: value for name, value in own.items() if name not in ("required", "description")}


class Defaults(Model):
    """What applications and environments have in common."""

    applications: Annotated[dict[str, Any], Partly("applications")] = Field(
        default_factory=dict,
        description="settings of an application but `name` and `repository`, which all have that do not say otherwise",
        examples=[{"healthPath": "/healthz"}],
    )
    environments: Annotated[dict[str, Any], Partly("environments")] = Field(
        default_factory=dict,
        description="settings of an environment but `name`, which all have that do not say otherwise",
        examples=[{"rolloutTimeout": "2m"}],
    )


def with_defaults(raw: dict[str, Any], origins: dict[Location, Written]) -> Iterator[str]:
    """Give each application and environment what it has from `defaults`. Yields a line for each that nobody can share."""
    defaults = raw.get("defaults")
    for key, model in _MODELS.items():
        shared, items = defaults.get(key) if isinstance(defaults, dict) else None, raw.get(key)
        if not isinstance(shared, dict) or not isinstance(items, list):
            continue
        for name in OWN[key]:
            if name in shared:
                yield f"{path(('defaults', key, name))}: each has its own; remove it here"
        shared = {name: value for name, value in shared.items() if name not in OWN[key]}
        raw[key] = list(items)
        for number, own in enumerate(items):
            if isinstance(own, dict):
                known = re.fullmatch(r"[a-z0-9-]{1,63}", str(own.get("name")))
                merging = _Merging(("defaults", key), (key, number), known[0] if known else f"{key}[{number}]", origins)
                raw[key][number] = merging.merged(shared, own, model, ())


class _Merging:
    """What one has of its own and from all, and where the latter was written."""

    def __init__(self, above: Location, place: Location, of: str, origins: dict[Location, Written]) -> None:
        self._above, self._place, self._of, self._origins = above, place, of, origins

    def merged(self, shared: dict[str, Any], own: dict[str, Any], annotation: Any, within: Location) -> dict[str, Any]:
        """Return a mapping with what is missing in it; `annotation` is what it is in the model."""
        instead = {other for key in own for other in _INSTEAD.get(key, ())}
        result = {}
        for key, value in shared.items():
            here = (*within, key)
            if key not in own and key not in instead:
                result[key] = value
                self._origins[(*self._place, *here)] = Written((*self._above, *here), None, self._of)
            elif isinstance(value, dict) and isinstance(own.get(key), dict):
                inner = _inside(annotation, key)
                result[key] = own[key] if _of_one_key(inner) else self.merged(value, own[key], inner, here)
            elif key in own and own[key] is not None:
                result[key] = own[key]
        return result | {key: value for key, value in own.items() if key not in shared}


def _inside(annotation: Any, key: str) -> Any:
    """Return what stands below a key, as the model has it; None for what it leaves open."""
    values = values_of(annotation)
    if values is not None:
        return values
    model = model_in(annotation)
    found = model.model_fields.items() if model else ()
    return next((field.annotation for name, field in found if key in (name, field.alias)), None)


def _of_one_key(annotation: Any) -> bool:
    """Return whether a mapping is one of several kinds, by the only key that it has."""
    model = model_in(annotation) if values_of(annotation) is None and get_origin(annotation) is not list else None
    extra = model.model_config.get("json_schema_extra") if model else None
    return isinstance(extra, dict) and extra.get("maxProperties") == 1
