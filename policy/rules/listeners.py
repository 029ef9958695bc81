"""Listeners: nothing looks at a webhook before its signature is checked."""

from collections.abc import Iterator, Sequence
from typing import Any

from policy.declared import Declared, Fields, items, mapping

# Each checks the forge's signature when it is told a secret.
SIGNATURES = ("github", "gitlab", "bitbucket")


def signatures(item: Declared) -> Iterator[str]:
    """Yield the ways into an EventListener that do not begin with a signature check."""
    if item.kind != "EventListener":
        return
    spec = mapping(item.fields, "spec")
    for selector in ("labelSelector", "namespaceSelector"):
        if mapping(spec, selector):
            yield f"spec.{selector}: it takes in Triggers that are in no group; select them in a group, after the signature"
    for key in ("triggerGroups", "triggers"):
        for index, entry in enumerate(items(spec, key)):
            where = f"spec.{key}[{entry.get('name', index)}]"
            if "triggerRef" in entry:
                yield f"{where}: a Trigger by reference brings its own interceptors; select it in a group"
            else:
                yield from _first(where, items(entry, "interceptors"))


def _first(where: str, interceptors: Sequence[Any]) -> Iterator[str]:
    if not interceptors or mapping(interceptors[0], "ref").get("name") not in SIGNATURES:
        yield f"{where}.interceptors: the first must check the signature: {', '.join(SIGNATURES)}"
    elif not _secret(interceptors[0]).get("secretName"):
        yield f"{where}.interceptors[0]: without params secretRef: {{secretName, secretKey}} every signature is accepted"


def _secret(interceptor: Fields) -> Fields:
    values = [mapping(param, "value") for param in items(interceptor, "params") if param.get("name") == "secretRef"]
    return values[0] if values else {}
