"""Secrets and ConfigMaps that pods mount: there, with the keys that are named, none of them empty."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.conventions import MINTER, Manifest
from components.credential import LOG_MASKS_KEY
from components.tasks.git import token_key
from offline.needs.values import UNREAD, Needs
from operate.declared import passwords
from operate.doctor import generated
from operate.doctor.api import Api, RefusedError
from operate.doctor.rows import Row, fine, unknown, wrong
from steps.mint import EXPIRES

# Kubernetes puts it into every namespace.
_EVERYWHERE = "kube-root-ca.crt"
_PLURAL = {"Secret": "secrets", "ConfigMap": "configmaps", "PersistentVolumeClaim": "persistentvolumeclaims"}


@dataclass(frozen=True)
class Reference:
    """Something that a pod names."""

    kind: str
    namespace: str
    name: str
    key: str = ""
    """Empty for the whole."""


def rows(needs: Needs, api: Api, state: Callable[[str], Mapping[str, str]] = passwords) -> Iterator[Row]:
    """Yield what there is to say of what the stack declares, and of what it only names.

    `state` returns the values that Pulumi made, by a stack's name; it raises OperateError where they cannot be read.
    """
    asked: list[tuple[Needs, str]] = []
    namespaces = sorted({each["metadata"]["namespace"] for each in needs.of_kind("Secret")})
    for namespace in namespaces:
        try:
            there = api.find(f"/api/v1/namespaces/{namespace}") is not None
        except RefusedError:  # who may not see it may still see what is in it
            there = True
        if not there:
            yield unknown(f"the namespace {namespace}", "it is not there yet", f"pulumi up --stack {needs.stack}")
            continue
        asked = asked or [generated.read(needs, state)]
        yield from _declared(*asked[0], api, namespace)
        yield from _named(needs, api, namespace)


def _declared(needs: Needs, unread: str, api: Api, namespace: str) -> Iterator[Row]:
    """Yield whether the Secrets of a namespace are as they are declared. `unread` is why Pulumi's values are not known."""
    # What was changed on the cluster is no change for Pulumi before it has looked there.
    apply = f"pulumi up --refresh --stack {needs.stack}"
    right, odd, uncompared = [], False, []
    is_read = UNREAD not in needs.configuration.values() and not any(
        _unread(str(text)) for each in needs.of_kind("Secret") for text in (each.get("stringData") or {}).values()
    )
    for each in needs.of_kind("Secret"):
        name = each["metadata"]["name"]
        if each["metadata"]["namespace"] != namespace:
            continue
        what = f"the Secret {namespace}/{name}"
        try:
            found = api.find(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except RefusedError as error:
            odd = True
            yield unknown(what, str(error))
            continue
        if found is not None and not each.get("stringData"):
            yield _minted(needs, namespace, found)
            continue
        said = "it is not there" if found is None else _differs(each, found, is_read=is_read)
        if said:
            odd = True
            yield wrong(what, said, apply)
        elif keys := generated.unknown_keys(each):
            uncompared.append(f"{name} ({', '.join(keys)})")
        else:
            right.append(name)
    if uncompared:
        what = f"what Pulumi made of the Secrets of {namespace}, {', '.join(sorted(uncompared))}, is as its state has it"
        yield unknown(what, f"it is there, and was not compared: {unread}")
    if right and not odd:
        yield fine(f"the Secrets of {namespace}", ", ".join(sorted(right)))


def _minted(needs: Needs, namespace: str, live: Manifest) -> Row:
    """Return for how long the tokens open the repositories which the minter has the App make."""
    what, logs = f"the tokens that fetch in {namespace}", f"kubectl -n {namespace} logs deployment/{MINTER}"
    now, left = datetime.now(UTC), {}
    try:
        until = json.loads((live["metadata"].get("annotations") or {}).get(EXPIRES) or "{}")
        for repository in needs.forge.repositories:
            at, held = until.get(token_key(repository.name)), (live.get("data") or {}).get(token_key(repository.name))
            if not at or not held:
                return wrong(what, f"there is none for {repository.name}", logs)
            left[repository.name] = round((datetime.fromisoformat(at) - now).total_seconds() / 60)
    except (ValueError, TypeError, AttributeError):
        return wrong(what, f"their annotation {EXPIRES} says no times", logs)
    if ended := [name for name, minutes in left.items() if minutes <= 0]:
        return wrong(what, f"ended: {', '.join(ended)}", logs)
    return fine(what, ", ".join(f"{name} for {minutes} min more" for name, minutes in left.items()))


def _differs(declared: Manifest, live: Manifest, *, is_read: bool) -> str:
    """Return what is otherwise than declared, without a value. What is not known here is not compared."""
    held = {key: base64.b64decode(text).decode(errors="replace") for key, text in (live.get("data") or {}).items()}
    unknown_keys = generated.unknown_keys(declared)
    for key, wanted in (declared.get("stringData") or {}).items():
        if not held.get(key, "").strip():
            return f"its key {key} is {'empty' if key in held else 'not there'}"
        if key in unknown_keys or _unread(str(wanted)):
            continue
        if key == LOG_MASKS_KEY and not is_read:  # made of all the others
            continue
        if held[key] != str(wanted):
            return f"its key {key} holds another value than the stack's settings or its state"
    return ""


def _unread(text: str) -> bool:
    """Whether a declared value holds a secret that could not be read; a registry's logins are encoded in it."""
    if UNREAD in text:
        return True
    try:
        logins = json.loads(text)["auths"].values()
        return any(UNREAD.encode() in base64.b64decode(login["auth"]) for login in logins)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _named(needs: Needs, api: Api, namespace: str) -> Iterator[Row]:
    """Yield whether what pods of a namespace name is there, where the stack does not declare it."""
    declared = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in needs.objects}
    looked_into = {each.secret for each in needs.named}  # by operate/doctor/named.py
    named = dict.fromkeys(reference for each in needs.objects for reference in references(each))
    for each in named:
        if each.namespace != namespace or each.name == _EVERYWHERE or (each.kind, namespace, each.name) in declared:
            continue
        if each.kind == "Secret" and each.name in looked_into:
            continue
        what = f"the {each.kind} {namespace}/{each.name}" + (f", key {each.key}" if each.key else "")
        try:
            found = api.find(f"/api/v1/namespaces/{namespace}/{_PLURAL[each.kind]}/{each.name}")
        except RefusedError as error:
            yield unknown(what, str(error))
            continue
        held = ((found or {}).get("data") or {}) | ((found or {}).get("binaryData") or {})
        if found is None:
            yield wrong(what, "it is not there, and the stack only names it", f"have whoever owns it make it in {namespace}")
        elif each.key and not held.get(each.key):
            yield wrong(
                what,
                "the key is empty" if each.key in held else "it has no such key",
                "the key, or its name in the stack file",
            )
        else:
            yield fine(what)


def references(manifest: Manifest) -> Iterator[Reference]:
    """Yield what a workload's pods need to be there. What may be missing (`optional`) is left out."""
    namespace = manifest["metadata"].get("namespace", "")
    if manifest["kind"] in ("Deployment", "StatefulSet", "CronJob", "PodTemplate"):
        yield from _within(manifest, namespace)


def _within(value: Any, namespace: str) -> Iterator[Reference]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict) and not inner.get("optional"):
                yield from _reference(name, inner, namespace)
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _within(each, namespace)


def _reference(name: str, inner: Manifest, namespace: str) -> Iterator[Reference]:
    kinds = {"secretKeyRef": "Secret", "secretRef": "Secret", "configMapKeyRef": "ConfigMap", "configMapRef": "ConfigMap"}
    if name in kinds and isinstance(inner.get("name"), str):
        yield Reference(kinds[name], namespace, inner["name"], str(inner.get("key") or ""))
    volumes = {
        "secret": ("Secret", "secretName"),
        "configMap": ("ConfigMap", "name"),
        "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
    }
    if name in volumes and isinstance(inner.get(volumes[name][1]), str):
        kind, key = volumes[name]
        for item in inner.get("items") or [{}]:
            yield Reference(kind, namespace, inner[key], str(item.get("key") or ""))
