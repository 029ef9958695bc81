"""What the Pulumi SDK does at length in a mock run: done shorter with the same outcome, or left out where none reads it."""

import functools
from typing import Any

import pulumi._types
import pulumi.resource
import pulumi.runtime.resource
from pulumi.runtime import known_types, rpc
from pulumi.runtime.proto import source_pb2


def shorten() -> None:
    """Do it for this process. A newer SDK that has renamed one of them fails here."""
    for module, name, instead in (
        # Where in the program each resource was made: the engine's stack traces.
        (pulumi.runtime.resource, "_get_stack_trace", source_pb2.StackTrace),
        # URNs of aliases, for engines that do not know aliases themselves; those that are sent are made elsewhere.
        (pulumi.resource, "collapse_alias_to_urn", lambda *_: ""),
        # For each output twice; the SDK's leaves a cycle of closures each time, three quarters of a run's garbage.
        (rpc, "contains_unknowns", contains_unknowns),
        (pulumi._types, "unwrap_type", functools.cache(pulumi._types.unwrap_type)),
        (pulumi._types, "unwrap_optional_type", functools.cache(pulumi._types.unwrap_optional_type)),
    ):
        assert callable(getattr(module, name)), name
        setattr(module, name, instead)


def contains_unknowns(value: Any) -> bool:
    """Whether a value holds one that a preview cannot know."""
    if isinstance(value, dict):  # maybe one of the SDK's, where `values` can be a property
        value = [value[name] for name in value]
    return any(map(contains_unknowns, value)) if isinstance(value, list) else known_types.is_unknown(value)
