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
from steps.notes import timestamp
from steps.result import log, warn
from steps.trust import Trust

# On the Secret, JSON: until when each of its tokens opens anything.
EXPIRES = "tekton-delivery/expires"
# A token opens for an hour: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
# Seconds between two, so that a pod which mounts one has it for half of that, and how soon what failed is tried again:
# at most that while tokens open everything, and sooner at first where they do not.
_EVERY, _AGAIN, _SOON = 1200.0, 60.0, 10.0
# For how long a new one has to open its repository, in seconds: longer than until the next one, and not much more than
# GitHub's hour, for clocks that differ.
_SHORTEST, _LONGEST = _EVERY + 300, 7200.0
# The kubelet shows what a container said only once that ended, and starts it again at once, after 10 s, after 20 s and so
# on up to 5 minutes, but from the beginning after one that ran for 10 minutes:
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
_ENDS, _FORGOTTEN = 3, 660.0
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
    told: Path = given("TOLD_FILE")
    """Why former containers of the pod ended; it outlives each of them."""
    trust: Trust | None


def run(inputs: Inputs) -> None:
    """Mint, and again. Where not every token is to be had it ends once, so that whoever waits hears why, and then tries on.

    What a container said last is shown by the kubelet, and so by `pulumi up`: another reason ends it again.
    """
    minter, began, pause = Minter(inputs), time.monotonic(), _SOON
    while True:
        reason = minter.mint()
        lacking = not minter.ready()
        if reason and lacking and _is_told(inputs.told, reason, time.monotonic() - began):
            raise SystemExit(1)
        until = time.monotonic() + (pause if lacking else _AGAIN if reason else _EVERY)
        pause = min(_AGAIN, 2 * pause) if lacking else _SOON
        while time.monotonic() < until:
            minter.ready()
            time.sleep(min(_AGAIN, max(0.0, until - time.monotonic())))


def _is_told(file: Path, reason: str, seconds: float) -> bool:
    """Return whether to end for a reason to be shown, and note it: of a container that has run for so long.

    One that ends too often is started late, and a forge that is mended would wait for that.
    """
    told = json.loads(file.read_text()) if file.exists() else []
    if told and (told[-1] == reason or (len(told) >= _ENDS and seconds < _FORGOTTEN)):
        return False
    file.write_text(json.dumps([reason] if seconds >= _FORGOTTEN else [*told, reason]))
    return True


class Minter:
    """The tokens, and until when each opens anything."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        told = (line.partition(" ") for line in inputs.repositories)
        self._repositories = {repository: key for repository, _, key in told}
        self._told: dict[str, str] = {}
        self._tidied = False

    def mint(self) -> str:
        """Write a new token for each repository; return why one could not be had, which keeps no other one back."""
        tokens, told, failed = dict[str, str](), dict(self._told), list[str]()
        for repository, key in self._repositories.items():
            try:
                tokens[key], told[key] = self._token(repository)
            except ForgeError as error:
                failed.append(_warned(f"{repository}: {error}"))
                if error.passing and not error.status:
                    break  # nobody is there who could be asked for the others
        if tokens:
            try:
                self._write(tokens, told, tidies=not failed and not self._tidied)
                self._told, self._tidied = told, self._tidied or not failed
                log(f"minted: {', '.join(f'{key} until {told[key]}' for key in tokens)}")
            except ApiError as error:
                failed.append(_warned(f"the Secret {self._inputs.secret}: {error}"))
        return "; ".join(failed)

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
        except (AttributeError, TypeError, KeyError) as error:
            raise ForgeError("the forge does not say what its token opens") from error
        if beyond:
            raise ForgeError(f"the forge's token for it opens more, {beyond}, and stays where it is")
        at = made.get("expires_at")
        try:
            left = _seconds(at) - time.time()
        except (ValueError, TypeError) as error:
            raise ForgeError("the forge does not say until when its token opens anything") from error
        if not _SHORTEST <= left <= _LONGEST:
            raise ForgeError(
                f"the forge's token for it ends at {at}, which is no hour from now, {timestamp()}: "
                f"the forge's clock or this node's is wrong"
            )
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
    """Return what a token opens beside the contents of its repository, to read.

    GitHub says both of a token that was asked for so. Raises KeyError, AttributeError or TypeError where the forge does not.
    """
    rights, selected = made["permissions"], made["repositories"]
    more = [f"{name}: {level}" for name, level in sorted(rights.items()) if _HARMLESS.get(name) != level]
    others = [str(each.get("full_name")) for each in selected]
    if not (rights and others):
        raise KeyError
    more += [name for name in others if name.lower() != repository.lower()]
    if made.get("repository_selection") == "all":
        more.append("every repository")
    return ", ".join(more)


def _seconds(at: Any) -> float:
    """Return a time as GitHub tells it, as seconds of the clock. Raises ValueError or TypeError."""
    told = datetime.fromisoformat(at)
    if told.tzinfo is None:
        raise ValueError
    return told.timestamp()


def _warned(text: str) -> str:
    """Print what went wrong, and when; return it."""
    warn(f"{timestamp()} error: {text}")
    return text
