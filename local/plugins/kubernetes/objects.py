"""Kubernetes objects as Pulumi inputs and outputs: names, normal forms, and what the state keeps of them."""

import base64
import copy
import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

from local.plugins.kubernetes.cluster import Reference
from local.plugins.kubernetes.kinds import AUTONAMED, Kind, annotation
from local.plugins.paths import MISSING, Path, assign, discard, lookup, parse
from local.plugins.server import MARKER, RefusalError
from local.plugins.wire import UNKNOWN, Bag, has_unknown, mirror_secrets

SECRET = Kind("v1", "Secret")
INPUTS, API_VERSION, MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"
MANAGER_PREFIX = "pulumi-kubernetes-"

_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_ASSIGNED = ("uid", "resourceVersion", "generation", "creationTimestamp")


def normalise(kind: Kind, bag: Bag) -> Bag:
    """Inputs in the form in which they are compared and applied: without read-only fields, Secrets in base64."""
    value = copy.deepcopy(bag.value)
    value.setdefault("apiVersion", kind.api_version)
    value.setdefault("kind", kind.name)
    for name in _READ_ONLY:
        discard(value, ("metadata", name))
    texts = value.get("stringData")
    if kind == SECRET and isinstance(texts, dict) and not has_unknown(value):
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        value["data"] = {**value.get("data", {}), **encoded}
        del value["stringData"]
    return seal(kind, Bag(value, frozenset(path for path in bag.secrets if lookup(value, path) is not MISSING)))


def seal(kind: Kind, bag: Bag) -> Bag:
    """Everything in a Secret's data is secret, whoever put it there."""
    if kind != SECRET:
        return bag
    whole = {(name,) for name in ("data", "stringData") if name in bag.value}
    return Bag(bag.value, frozenset(path for path in bag.secrets if path[:1] not in whole) | whole)


def assign_name(value: dict[str, Any], old: Bag, logical: str, seed: bytes, autonaming: Any) -> None:
    """Give an object without a name one: the old one if that was given too, else `<logical name>-<8 hex>`."""
    if lookup(value, ("metadata",)) is UNKNOWN or lookup(value, ("metadata", "name")) not in (MISSING, ""):
        return
    if annotation(old.value, AUTONAMED) == "true":
        name = lookup(old.value, ("metadata", "name"))
    elif autonaming is not None and autonaming.mode == autonaming.DISABLE:
        raise RefusalError("automatic naming is disabled for this project: set metadata.name")
    elif autonaming is not None:
        name = autonaming.proposed_name
    else:
        suffix = hashlib.sha256(seed).hexdigest()[:8] if seed else secrets.token_hex(4)
        name = f"{logical}-{suffix}".lower()
    assign(value, ("metadata", "name"), name)
    assign(value, ("metadata", "annotations", AUTONAMED), "true")


def reference(kind: Kind, value: dict[str, Any], namespaced: bool) -> Reference:
    """Which object the inputs or outputs mean."""
    metadata = value["metadata"]
    return Reference(kind, metadata["name"], (metadata.get("namespace") or "default") if namespaced else None)


def referenced(kind: Kind, resource_id: str) -> Reference:
    """Which object a resource id means, `namespace/name` or `name`."""
    namespace, _, name = resource_id.rpartition("/")
    return Reference(kind, name, namespace or None)


def outputs(kind: Kind, live: dict[str, Any], inputs: Bag, manager: str, api_version: str) -> Bag:
    """What the state keeps: the live object, the inputs that made it, and who applied them."""
    value = copy.deepcopy(live)
    discard(value, ("metadata", "managedFields"))
    hidden = seal(kind, Bag(value, mirror_secrets(inputs, value))).secrets
    value |= {INPUTS: inputs.value, API_VERSION: api_version, MANAGER: manager, MARKER: True}
    return Bag(value, hidden | {(INPUTS, *path) for path in inputs.secrets})


def foreseen(kind: Kind, inputs: Bag, old: Bag, manager: str) -> Bag:
    """The outputs of a preview that the API server could not compute: the inputs, and unknown what it will assign."""
    value = copy.deepcopy(inputs.value)
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        for name in _ASSIGNED:
            known = lookup(old.value, ("metadata", name))
            metadata[name] = known if known is not MISSING and name == "uid" else UNKNOWN
    _hide_assigned_addresses(kind, value, inputs)
    return outputs(kind, value, inputs, manager, kind.api_version)


def previewed(kind: Kind, dry: dict[str, Any], inputs: Bag, old: Bag, manager: str) -> Bag:
    """The outputs of a preview by dry run: what the server computed, except what it only assigns for real.

    The unknowns are explicit: a key that is merely absent from a known map is an error in a program that reads it.
    """
    value = copy.deepcopy(dry)
    value.pop("status", None)
    if not old.value:
        for name in _ASSIGNED:
            assign(value, ("metadata", name), UNKNOWN)
        _hide_assigned_addresses(kind, value, inputs)
    return outputs(kind, value, inputs, manager, kind.api_version)


def _hide_assigned_addresses(kind: Kind, value: dict[str, Any], inputs: Bag) -> None:
    if kind != Kind("v1", "Service") or not isinstance(value.get("spec"), dict):
        return
    for name in ("clusterIP", "clusterIPs"):
        if lookup(inputs.value, ("spec", name)) is MISSING:
            value["spec"][name] = UNKNOWN


def with_ignored(value: dict[str, Any], live: dict[str, Any], ignored: Iterable[str], manager: str) -> dict[str, Any]:
    """The object to apply when paths are ignored, as the official plugin makes it.

    A path of plain names is left out when only others own it, and else carries the live value. The official plugin does
    not understand list indexes: such a path is sent as the engine gives it, so a stale value is a conflict.
    """
    value = copy.deepcopy(value)
    for text in ignored:
        path = parse(text)
        names = tuple(part for part in path if isinstance(part, str) and part != "*")
        if len(names) != len(path):
            continue
        entries = live["metadata"].get("managedFields") or []
        owners = {entry["manager"] for entry in entries if _owns(entry.get("fieldsV1", {}), names)}
        found = lookup(live, names)
        if owners and manager not in owners:
            discard(value, names)
        elif found is not MISSING:
            assign(value, names, found)
    return value


def _owns(fields: dict[str, Any], names: tuple[str, ...]) -> bool:
    return lookup(fields, tuple(f"f:{name}" for name in names)) is not MISSING


def new_manager() -> str:
    """A field manager for a new object, kept in its state for life."""
    return f"{MANAGER_PREFIX}{secrets.token_hex(4)}"


def paths(texts: Iterable[str]) -> list[Path]:
    """Property paths as the engine sends them."""
    return [parse(text) for text in texts]
