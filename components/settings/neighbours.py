"""The environments that the project's other stack files declare: which way a merge takes before it gets here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from components.settings.complete import completed
from components.settings.documents import document
from components.settings.environment import Environment
from components.settings.errors import PREFIX
from components.settings.settings import Settings

BUILDS, PROMOTES = "pull-request", "merge"
_DEFAULT = Environment.model_fields["promotes_from"].default


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """An environment as a stack file of the project has it, which may be any text."""

    file: str
    how: str
    promotes_from: str
    vouches: bool
    """Whether it has a key of its own to sign with."""
    believes: Any
    """The source of the public key that counts there."""
    settings: Settings | None
    """Of its stack; None where they are not well-formed."""

    @property
    def promotes(self) -> bool:
        """Whether it gets merges."""
        return self.how == PROMOTES


Neighbours = Mapping[str, list[Neighbour]]


def neighbours(folder: Path) -> Neighbours:
    """Return the environments that a folder's stack files declare, by name. What is none of this program's is left out."""
    found: dict[str, list[Neighbour]] = {}
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        for name, neighbour in _declared(file):
            found.setdefault(name, []).append(neighbour)
    return found


def _declared(file: Path) -> Iterator[tuple[str, Neighbour]]:
    try:
        loaded = document(file.read_bytes())
    except (OSError, yaml.YAMLError):
        return
    config = loaded.get("config") if isinstance(loaded, dict) else None
    if not isinstance(config, dict):
        return
    raw = {str(key).removeprefix(f"{PREFIX}:"): value for key, value in config.items() if str(key).startswith(f"{PREFIX}:")}
    raw = completed(raw).raw
    environments = raw.get("environments")
    for each in environments if isinstance(environments, list) else []:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            own, stacks = _mapping(each.get("mark")), _mapping(raw.get("mark"))
            yield (
                each["name"],
                Neighbour(
                    file=file.name,
                    how=str(each.get("deliverOn")),
                    promotes_from=str(each.get("promotesFrom", _DEFAULT)),
                    vouches=bool(own.get("privateKey")),
                    believes=own.get("publicKey") or stacks.get("publicKey"),
                    settings=_settings(raw),
                ),
            )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _settings(raw: Mapping[str, Any]) -> Settings | None:
    known = [field.alias or name for name, field in Settings.model_fields.items()]
    try:
        return Settings.model_validate({key: value for key, value in raw.items() if key in known})
    except ValidationError:
        return None
