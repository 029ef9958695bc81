"""Secrets of the cluster that settings name (`{secret: …}`): there, of the right form, and tried as if a file held them.

The same program that judges the files of a stack judges them: they take the place of what names them in its settings.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from components.credential import DOCKER_KEY
from components.settings.errors import PREFIX, SettingsError, path
from offline.needs.read import needs as read_needs
from offline.needs.read import read_file
from offline.needs.values import Named, Needs
from operate.doctor.api import Api, RefusedError
from operate.doctor.rows import Row, fine, unknown, wrong

# Of the configuration in which they stand for this one look.
_CONFIG = "doctor-looks-at-"
# How docker's files call Docker Hub.
_DOCKER_HUB = ("docker.io", "https://index.docker.io/v1/")


@dataclass(frozen=True)
class Revealed:
    """What a stack needs, with what these Secrets hold, and what there is to say of them."""

    needs: Needs
    rows: list[Row]


def read(needs: Needs, api: Api) -> Revealed:
    """Read what may be read. Where environments hold different ones, the first one's are tried at registries and forge."""
    found, rows = needs, list[Row]()
    for namespace in _namespaces(needs):
        texts: dict[Named, str] = {}
        for each in needs.named:
            if _is_used(needs, namespace, each):
                row, text = _held(api, namespace, each)
                rows += [row] if row else []
                texts |= {each: text} if text is not None else {}
        made, mistakes = _judged(needs, namespace, texts)
        rows += mistakes
        if texts and not mistakes:
            rows.append(
                fine(f"what settings take from Secrets of {namespace}", ", ".join(path(each.place) for each in texts))
            )
        if made and found is needs:
            found = replace(needs, rights=made.rights, images=made.images, forge=made.forge)
    return Revealed(found, rows)


def _namespaces(needs: Needs) -> list[str]:
    """Return where pods are declared: where deliveries run first, and then where applications do, which pull images."""
    deliveries = {each["metadata"]["namespace"] for each in needs.of_kind("Task")}
    others = {each["metadata"]["namespace"] for each in needs.objects if each["metadata"].get("namespace")} - deliveries
    return [*sorted(deliveries), *sorted(others)]


def _is_used(needs: Needs, namespace: str, named: Named) -> bool:
    """Whether anything that is declared in a namespace mounts it."""
    return any(
        each["metadata"].get("namespace") == namespace and f'"{named.secret}"' in json.dumps(each) for each in needs.objects
    )


def _what(namespace: str, named: Named) -> str:
    return f"{path(named.place)}, the Secret {namespace}/{named.secret}, key {named.key or DOCKER_KEY}"


def _held(api: Api, namespace: str, named: Named) -> tuple[Row | None, str | None]:
    """Return what a key holds; None after a row that says why not."""
    what, key = _what(namespace, named), named.key or DOCKER_KEY
    try:
        found = api.find(f"/api/v1/namespaces/{namespace}/secrets/{named.secret}")
    except RefusedError as error:
        return unknown(what, str(error)), None
    if found is None:
        return wrong(what, "it is not there, and the stack only names it", f"have its owner make it in {namespace}"), None
    data = found.get("data") or {}
    if key not in data:
        return wrong(what, "it has no such key", "the key, or its name in the stack file"), None
    text = base64.b64decode(data[key]).decode(errors="replace")
    if not text.strip():
        return wrong(what, "the key is empty", "what it is to hold"), None
    return None, text


def _judged(needs: Needs, namespace: str, texts: Mapping[Named, str]) -> tuple[Needs | None, list[Row]]:
    """Return what a stack needs that knows what these Secrets hold, and what is wrong with that."""
    config, rows = {name: _parsed(text) for name, text in needs.configuration.items()}, list[Row]()
    known: dict[str, Named] = {}
    for number, (each, text) in enumerate(texts.items()):
        name = f"{_CONFIG}{number}"
        source: dict[str, Any] = {"config": name}
        if not each.key:
            login = _login(each, text)
            if isinstance(login, str):
                rows.append(wrong(_what(namespace, each), login, "docs/real-clusters.md shows how such a Secret is made"))
                continue
            source, text = {"username": login[0], "password": source}, login[1]
        if _put(config, each.place, source):
            known[name] = each
            config[f"{PREFIX}:{name}"] = text
    if not known:
        return None, rows
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in config.items()}
    secret = (*needs.secret, *(f"{PREFIX}:{name}" for name in known))
    try:
        return read_needs(needs.stack, told, secret), rows
    except SettingsError as error:
        rows += _mistakes(str(error), namespace, known)
    try:  # as in operate/doctor/stack.py, for other mistakes than these
        return (None if rows else read_needs(needs.stack, told, secret, read_file)), rows
    except SettingsError:
        return None, rows


def _mistakes(told: str, namespace: str, known: Mapping[str, Named]) -> Iterator[Row]:
    for line in told.splitlines():
        for name, each in known.items():
            place, found, said = line.partition(f'"{name}": ')
            if found and path(each.place) in place:
                problem, _, mend = said.partition("; ")
                yield wrong(_what(namespace, each), problem, mend or "what the Secret holds")


def _parsed(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return deepcopy(found) if isinstance(found, dict | list) else text


def _put(config: dict[str, Any], place: tuple[str | int, ...], value: Any) -> bool:
    """Set a value within the configuration; not where a file of the applications' teams has it."""
    at: Any = config
    try:
        first, *rest = place
        for part in (f"{PREFIX}:{first}", *rest[:-1]):
            at = at[part]
        if "secret" not in at[rest[-1]]:
            return False
        at[rest[-1]] = value
    except (LookupError, TypeError, ValueError):
        return False
    return True


def _login(named: Named, text: str) -> tuple[str, str] | str:
    """Return the user and the password in a docker config, or what is wrong with it."""
    try:
        logins = json.loads(text)["auths"]
        known = {str(host).removeprefix("https://").removesuffix("/"): login for host, login in logins.items()}
    except (ValueError, TypeError, LookupError, AttributeError):
        return 'holds no logins (`{"auths": {HOST: {"auth": …}}}`)'
    host = _DOCKER_HUB[1].removeprefix("https://").removesuffix("/") if named.host == _DOCKER_HUB[0] else named.host
    login = known.get(host)
    if not isinstance(login, dict):
        return f"has no login for {host}"
    try:
        user, _, password = base64.b64decode(login["auth"], validate=True).decode().partition(":")
    except (LookupError, TypeError, ValueError):
        user, password = str(login.get("username") or ""), str(login.get("password") or "")
    return (user, password) if user and password else f"has no user and password for {host}"
