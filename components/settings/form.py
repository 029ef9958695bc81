"""What a single value has to look like, and what in particular is wrong with one."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from components.conventions import quantity


class Form:
    """What a value has to look like: in words for people, in JSON schema for editors."""

    def __init__(
        self, allowed: str, is_right: Callable[[Any], bool | str], schema: Mapping[str, Any], nothing: str | None = None
    ) -> None:
        """`is_right` returns True, or what in particular is wrong; `nothing` is the word for None."""
        self.allowed = f"{allowed}, or `{nothing}`" if nothing else allowed
        self._nothing = nothing
        self._is_right = is_right
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if self._nothing:
            return {"anyOf": [{"type": "integer", **self._schema}, {"const": self._nothing}]}
        return {**handler(schema), **self._schema}

    def _check(self, value: Any) -> Any:
        if self._nothing and value == self._nothing:
            return None
        verdict = self._is_right(value)
        if verdict is not True:
            raise ValueError(f"{self.allowed}; {verdict}" if verdict else self.allowed)
        return value


def matching(pattern: str, allowed: str, wrong: Callable[[str], str] = lambda value: "") -> Form:
    """Return the form of texts. `wrong` says what in particular is wrong, where it knows; also of what the pattern takes."""
    compiled = re.compile(pattern, re.ASCII)

    def is_right(value: Any) -> bool | str:
        if not isinstance(value, str):
            return False
        return wrong(value) or compiled.fullmatch(value) is not None

    return Form(allowed, is_right, {"pattern": f"^(?:{pattern})$", "patternErrorMessage": f"must be {allowed}"})


def wrong_address(value: str) -> str:
    """Return what is wrong with where an address leads."""
    if "://" not in value and "@" in value:
        return ""
    try:
        found = urlsplit(value if "://" in value else f"//{value}")
        return "a port is from 1 to 65535" if found.port == 0 else ""
    except ValueError as error:
        return "a port is from 1 to 65535" if str(error).startswith("Port") else "the host is none"


def wrong_duration(value: str) -> str:
    if re.fullmatch(r"(\d+[smh]){2,}", value):
        return "one unit only: `90m` for an hour and a half"
    return "the number is from 1 to 99999" if re.fullmatch(r"\d+[smh]", value) and not 0 < int(value[:-1]) < 100_000 else ""


def wrong_path(value: str) -> str:
    try:
        Path(value).expanduser()
    except RuntimeError:
        return "there is no such user with a home folder"
    return ""


# A container takes no longer text as a variable (MAX_ARG_STRLEN of Linux is 128 KiB), nor one with a NUL.
_LONGEST = 100_000


def wrong_text(value: str) -> str:
    """Return what keeps a container from taking a text as a variable or an argument, or an empty text."""
    if "\0" in value:
        return "there is a NUL character in it"
    return f"it is longer than {_LONGEST} characters" if len(value) > _LONGEST else ""


def wrong_memory(value: str) -> str:
    """Say that no process starts in what runc and a shell take by themselves."""
    too_few = re.fullmatch(r"\d+(Ki|Mi)", value) and quantity(value) < quantity("8Mi")
    return "nothing starts in less than 8Mi" if too_few else ""


def wrong_approver(value: str) -> str:
    everybody = ("system:authenticated", "system:unauthenticated", "system:anonymous", "system:serviceaccounts")
    return "that is everybody, or every pod" if value.startswith(everybody) else ""


def wrong_host(value: str) -> str:
    return "an Ingress takes no address" if re.fullmatch(r"[0-9.]+", value) else ""


def whole(lowest: int, highest: int, nothing: str | None = None) -> Form:
    return Form(
        f"a whole number from {lowest} to {highest}, without quotes",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest,
        {"minimum": lowest, "maximum": highest},
        nothing,
    )
