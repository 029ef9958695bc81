"""YAML as it lies in the project, where anybody may have changed it: one exception for all that cannot be read."""

from typing import Any

import yaml

# libyaml, where the package has it, takes a fifteenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Pods in stack files have some 20.
DEEPEST = 100


def document(text: str | bytes) -> Any:
    """Return the only document of a stream, None for an empty one. Raises yaml.YAMLError."""
    _bounded(text)
    return yaml.load(text, _LOADER)  # noqa: S506 both are safe ones


def documents(text: str | bytes) -> list[Any]:
    """Return the documents of a stream. Raises yaml.YAMLError."""
    _bounded(text)
    return list(yaml.load_all(text, _LOADER))


def _bounded(text: str | bytes) -> None:
    """Refuse what is nested too deep.

    PyYAML makes objects of libyaml's events by calls in C that have no bound: 100,000 lists in each other end the process.
    """
    depth = 0
    for event in yaml.parse(text, _LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEEPEST} deep", problem_mark=mark)
