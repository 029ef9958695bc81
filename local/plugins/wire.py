"""Resource properties on the wire: protobuf Structs with Pulumi's envelopes, as plain Python values and back.

Secrets travel as envelopes around a value. Here a bag of properties is its plain value plus the paths of what is
secret, so that nothing that works on the value can lose an envelope, and nothing is written without asking for them.
"""

from dataclasses import dataclass, field
from typing import Any

from google.protobuf import struct_pb2

Path = tuple[str | int, ...]
"""Where a value sits in a resource's properties."""

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SEALED = "1b47061264138c4ac30d75fd1eb44270"
_UNSUPPORTED = {
    "c44067f5952c0a294b673a41bacd8c17": "an asset",
    "0def7320c3a5731c473e5ecbe6d01bc7": "an archive",
    "5cf8f73096256a8f31e491e813e4eb8e": "a resource reference",
    "d0e6a833031e9bbcd3f4e8bde6ca49a4": "an output value",
}
_UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = {
    _UNKNOWN_STRING,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
}


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> "_Unknown":
        return self


UNKNOWN = _Unknown()


class WireError(Exception):
    """A property that these plugins cannot carry."""


@dataclass(frozen=True)
class Bag:
    """Properties as plain values (UNKNOWN for what is not known yet) and the paths of what is secret among them."""

    value: dict[str, Any] = field(default_factory=dict)
    secrets: frozenset[Path] = frozenset()


def render(path: Path) -> str:
    """A path in the form that the engine and the official plugins use, e.g. `keepers["a.b"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(character in part for character in '."[]'):
            text += '["' + part.replace('"', '\\"') + '"]'
        else:
            text += f".{part}" if text else part
    return text


def decode(struct: struct_pb2.Struct) -> Bag:
    """Read properties. Whole numbers become int: Structs only know doubles."""
    secrets: set[Path] = set()

    def read(value: struct_pb2.Value, path: Path) -> Any:
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        if kind == "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        if kind == "bool_value":
            return value.bool_value
        if kind == "list_value":
            return [read(item, (*path, index)) for index, item in enumerate(value.list_value.values)]
        if kind == "struct_value":
            fields = value.struct_value.fields
            if _SIGNATURE not in fields:
                return read_map(fields, path)
            signature = fields[_SIGNATURE].string_value
            if signature == _SEALED:
                secrets.add(path)
                return read(fields["value"], path)
            what = _UNSUPPORTED.get(signature, f"a value with the unknown signature {signature}")
            raise WireError(f"property {render(path)!r} is {what}, which this stand-in plugin does not support")
        return None

    def read_map(fields: Any, path: Path) -> dict[str, Any]:
        values = {key: read(fields[key], (*path, key)) for key in fields}
        return {key: value for key, value in values.items() if value is not None}

    return Bag(read_map(struct.fields, ()), frozenset(secrets))


def encode(bag: Bag) -> struct_pb2.Struct:
    """Write properties, with an envelope around each secret."""
    struct = struct_pb2.Struct()

    def write(target: struct_pb2.Value, value: Any, path: Path, sealed: bool) -> None:
        if not sealed and path in bag.secrets:
            target.struct_value.fields[_SIGNATURE].string_value = _SEALED
            target, sealed = target.struct_value.fields["value"], True
        if value is None:
            target.null_value = struct_pb2.NULL_VALUE
        elif value is UNKNOWN:
            target.string_value = _UNKNOWN_STRING
        elif isinstance(value, bool):
            target.bool_value = value
        elif isinstance(value, int | float):
            target.number_value = value
        elif isinstance(value, str):
            target.string_value = value
        elif isinstance(value, list):
            target.list_value.SetInParent()
            for index, item in enumerate(value):
                write(target.list_value.values.add(), item, (*path, index), sealed)
        elif isinstance(value, dict):
            target.struct_value.SetInParent()
            write_map(target.struct_value.fields, value, path, sealed)
        else:
            raise WireError(f"property {render(path)!r} is a {type(value).__name__}, which has no form on the wire")

    def write_map(fields: Any, values: dict[str, Any], path: Path, sealed: bool) -> None:
        for key, value in values.items():
            if value is not None:
                write(fields[key], value, (*path, key), sealed)

    write_map(struct.fields, bag.value, (), sealed=False)
    return struct


def has_unknown(value: Any) -> bool:
    """True when anything inside is not known yet."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN
