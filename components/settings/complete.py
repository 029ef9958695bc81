"""A stack's settings with all that its stack file leaves to be said elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.settings.defaults import with_defaults
from components.settings.files import ApplicationsFile, with_files
from components.settings.origins import Location, Written


@dataclass(frozen=True)
class Completed:
    """Settings, and where they were written."""

    raw: dict[str, Any]
    origins: dict[Location, Written] = field(default_factory=dict)
    files: dict[str, ApplicationsFile] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)


def completed(raw: Mapping[str, Any]) -> Completed:
    """Return settings with the applications of the files that they name, and with the defaults that each has."""
    made = Completed(dict(raw))
    made.mistakes.extend(with_files(made.raw, made.origins, made.files))
    made.mistakes.extend(with_defaults(made.raw, made.origins))
    return made
