"""Property paths: where a value sits in a resource's properties, and Pulumi's way of writing that down."""

import re
from typing import Any

Path = tuple[str | int, ...]
WILDCARD = "*"
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()

_SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]"]+)')


def parse(text: str) -> Path:
    """`spec.containers[0].image`, `metadata.labels["a.b/c"]` and `spec.containers[*].image` as paths."""
    path: list[str | int] = []
    position = 0
    while position < len(text):
        match = _SEGMENT.match(text, position)
        if match is None:
            raise ValueError(f"property path {text!r}: cannot read it from character {position + 1} on")
        quoted, index, name = match.groups()
        if quoted is not None:
            path.append(quoted.replace('\\"', '"'))
        elif index is not None:
            path.append(index if index == WILDCARD else int(index))
        else:
            path.append(name)
        position = match.end()
    return tuple(path)


def render(path: Path) -> str:
    """The inverse of `parse`, in the form that the engine and the official plugin use."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(character in part for character in '."[]'):
            text += '["' + part.replace('"', '\\"') + '"]'
        else:
            text += f".{part}" if text else part
    return text


def covers(pattern: Path, path: Path) -> bool:
    """True when `path` is what `pattern` names, or lies inside it."""
    return len(pattern) <= len(path) and all(wanted in (WILDCARD, part) for wanted, part in zip(pattern, path, strict=False))


def lookup(value: Any, path: Path) -> Any:
    """The value at a path, or MISSING."""
    for part in path:
        if isinstance(value, list):
            value = value[part] if isinstance(part, int) and part < len(value) else MISSING
        else:
            value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


def assign(value: dict[str, Any], path: tuple[str, ...], new: Any) -> None:
    """Set the value at a path of names, making the maps that lead to it."""
    for part in path[:-1]:
        value = value.setdefault(part, {})
    value[path[-1]] = new


def discard(value: dict[str, Any], path: tuple[str, ...]) -> None:
    """Remove the value at a path of names, if it is there."""
    parent = lookup(value, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)
