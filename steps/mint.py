"""Has a GitHub App give the tokens that commits are fetched by, and keeps them in a Secret, for as long as it runs.

One for each repository, that reads its contents and nothing else. They are mounted beside pull-request code; the App's
private key is not.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from steps import kubernetes
from steps.forge import Api, App, Forge, ForgeError
from steps.inputs import given
from steps.kubernetes import Access, ApiError, Kubernetes
from steps.result import log, warn
from steps.trust import Trust

# On the Secret, JSON: until when each of its tokens opens anything.
EXPIRES = "tekton-delivery/expires"
# A token opens for an hour: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
# Seconds between two, so that a pod which mounts one has it for half of that, and how soon what failed is tried again.
_EVERY, _AGAIN = 1200.0, 60.0
# What a token may have that is given to a pod with pull-request code; GitHub adds the metadata to all others.
_HARMLESS = {"contents": "read", "metadata": "read"}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the minter is given."""

    namespace: str = given("NAMESPACE")
    access: Access
    secret: str = given("MINTED_INTO")
    repositories: tuple[str, ...] = given("MINTED_REPOSITORIES")
    """One a line, and the Secret's key for its token, e.g. `acme/shop acme.shop`."""
    url: str = given("API_URL")
    app: App
    ready: Path = given("READY_FILE")
    """There for as long as every token opens its repository."""
    trust: Trust | None


def run(inputs: Inputs) -> None:
    """Mint, and again. Ends where the first tokens are not to be had, so that whoever waits for them hears why."""
    minter = Minter(inputs)
    while True:
        failed = minter.mint()
        if failed and not minter.ready():
            raise SystemExit(1)
        until = time.monotonic() + (_AGAIN if failed else _EVERY)
        while time.monotonic() < until:
            minter.ready()
            time.sleep(min(_AGAIN, max(0.0, until - time.monotonic())))


class Minter:
    """The tokens, and until when each opens anything."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        told = (line.partition(" ") for line in inputs.repositories)
        self._repositories = {repository: key for repository, _, key in told}
        self._told: dict[str, str] = {}
        self._tidied = False

    def mint(self) -> bool:
        """Write a new token for each repository; return whether one could not be had, which keeps no other one back."""
        tokens, told, failed = dict[str, str](), dict(self._told), False
        for repository, key in self._repositories.items():
            try:
                tokens[key], told[key] = self._token(repository)
            except ForgeError as error:
                warn(f"error: {repository}: {error}")
                failed = True
                if error.passing and not error.status:
                    break  # nobody is there who could be asked for the others
        if not tokens:
            return True
        try:
            self._write(tokens, told, tidies=not failed and not self._tidied)
            self._told, self._tidied = told, self._tidied or not failed
        except ApiError as error:
            warn(f"error: the Secret {self._inputs.secret}: {error}")
            return True
        log(f"minted: {', '.join(f'{key} until {told[key]}' for key in tokens)}")
        return failed

    def ready(self) -> bool:
        """Return whether every token opens its repository now, and say so to whoever looks for the file."""
        now, ready = time.time(), self._inputs.ready
        every = all(key in self._told and _seconds(self._told[key]) > now for key in self._repositories.values())
        if every:
            ready.touch()
        else:
            ready.unlink(missing_ok=True)
        return every

    def _token(self, repository: str) -> tuple[str, str]:
        """Return a token, and until when it opens the repository. Raises ForgeError, also where it opens more."""
        inputs = self._inputs
        with Forge(Api(url=inputs.url, repository=repository, token=None, app=None, trust=inputs.trust)) as forge:
            made = forge.exchanged(inputs.app)
        try:
            beyond = _beyond(made, repository)
        except (AttributeError, TypeError) as error:
            raise ForgeError("the forge does not say what its token opens") from error
        if beyond:
            raise ForgeError(f"the forge's token for it opens more, {beyond}, and stays where it is")
        at = made.get("expires_at")
        try:
            _seconds(at)
        except (ValueError, TypeError) as error:
            raise ForgeError("the forge does not say until when its token opens anything") from error
        return made["token"], str(at)

    def _write(self, tokens: Mapping[str, str], told: Mapping[str, str], *, tidies: bool) -> None:
        """Put the tokens in their places; who `tidies` takes away what is there for no repository.

        Once: what comes later is of who takes this one's place, another minter or a static token.
        """
        path = kubernetes.core(self._inputs.namespace, "secrets", self._inputs.secret)
        note = {"metadata": {"annotations": {EXPIRES: json.dumps(told)}}}
        data = {key: base64.b64encode(token.encode()).decode() for key, token in tokens.items()}
        with Kubernetes(self._inputs.access) as api:
            there = api.patch(path, note | {"data": data}, merge=True)
            others = set(there.get("data") or {}) - set(self._repositories.values())
            if others and tidies:
                api.patch(path, {"data": dict.fromkeys(others)}, merge=True)


def _beyond(made: Mapping[str, Any], repository: str) -> str:
    """Return what a token opens beside the contents of its repository, to read; nothing where the forge does not say."""
    rights = made.get("permissions") or {}
    more = [f"{name}: {level}" for name, level in sorted(rights.items()) if _HARMLESS.get(name) != level]
    others = [str(each.get("full_name")) for each in made.get("repositories") or []]
    more += [name for name in others if name.lower() != repository.lower()]
    if made.get("repository_selection") == "all":
        more.append("every repository")
    return ", ".join(more)


def _seconds(at: Any) -> float:
    """Return a time as GitHub tells it, as seconds of the clock. Raises ValueError or TypeError."""
    return datetime.fromisoformat(at).timestamp()
