"""Where a setting was written that counts elsewhere: in `defaults`, or in a file of applications. Errors name that place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Written:
    """What was written in one place."""

    location: Location
    """There: of the stack file's settings, or in the file."""
    file: str | None = None
    """The file of applications; None for the stack file."""
    of: str = ""
    """Whose setting it has become, where one place is written for many."""


Origins = Mapping[Location, Written]

_ORIGINS: ContextVar[Origins] = ContextVar("origins", default={})  # noqa: B039 # nobody changes it


@contextmanager
def written(origins: Origins) -> Iterator[None]:
    """Have errors name these places."""
    token = _ORIGINS.set(origins)
    try:
        yield
    finally:
        _ORIGINS.reset(token)


def origin(location: Location, origins: Origins | None = None) -> Written:
    """Return where a setting was written, by the nearest place above it that is known; by default among those of errors."""
    known = _ORIGINS.get() if origins is None else origins
    for length in range(len(location), -1, -1):
        found = known.get(location[:length])
        if found:
            return Written((*found.location, *location[length:]), found.file, found.of)
    return Written(location)
