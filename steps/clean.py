"""Deletes what a rejected pull request left in the registry: its images, and what is signed about them.

What the environment needs stays, and what another pull request has as well, by its tags or by a mark. Whatever fails, the
way back is done: it is told, and left as it is.
"""

import base64
import re
from dataclasses import dataclass
from typing import Any

from steps import notes, trust
from steps.forge import Api, Forge, ForgeError
from steps.inputs import StepError, given
from steps.kubernetes import Access, ApiError, Kubernetes
from steps.registry import Reading, Registry
from steps.result import log, warn
from steps.run import Done
from steps.run import run as called
from steps.text import parsed
from steps.workloads import workloads

_NUMBER = re.compile("[0-9]+")
# A copy's tag is <commit>-<pull request>-<how its digest begins>.
_TAG = re.compile("(?P<commit>[0-9a-f]{40})-(?P<pull>[0-9]+)-(?P<digest>[0-9a-f]{12})")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    api: Api
    access: Access
    registry: Reading
    pull_request: str = given("PARAM_PULL_REQUEST")
    namespace: str = given("NAMESPACE")
    workloads: tuple[str, ...] = given("PARAM_DEPLOYMENT")
    """Those that run its image; all is noted on the first one."""
    image: str = given("PARAM_IMAGE")
    quarantine: str | None = given("PARAM_QUARANTINE_IMAGE")
    """Repository in the quarantine registry; None to delete nothing there."""
    quarantine_insecure: bool = given("QUARANTINE_INSECURE")


class LeftError(StepError):
    """Why all of it is left as it is."""


class StaysError(StepError):
    """Why one image stays."""


def run(inputs: Inputs) -> None:
    """Delete it."""
    try:
        if not _NUMBER.fullmatch(inputs.pull_request):
            raise LeftError(f"'{inputs.pull_request}' is no pull request's number")
        needed = kept(inputs)
        # Asked last: what is merged from then on takes longer to be rolled out than this to be deleted.
        if not is_rejected(inputs):
            raise LeftError(f"the forge does not say that #{inputs.pull_request} is rejected")
        if needed is None:
            raise LeftError("it is not known what the environment needs")
        _Cleaning(inputs).delete(needed)
    except LeftError as why:
        log(f"left as it is: {why}")


def kept(inputs: Inputs) -> set[str] | None:
    """Return which images the environment needs, whatever a rejected pull request left; None where that cannot be told.

    That is what runs, what it would return to, and what its history tells of other pull requests.
    """
    every = workloads(inputs.namespace, inputs.workloads, "")
    named = ", ".join(each.name for each in every)
    try:
        with Kubernetes(inputs.access) as api:
            live, *followers = (api.get(each.path) for each in every)
    except ApiError as error:
        warn(str(error))
        log(f"what {named} needs cannot be told: nothing is deleted")
        return None
    try:
        pods = [each["spec"]["template"]["spec"] for each in (live, *followers)]
        images = [each["image"] for pod in pods for each in [*pod["containers"], *(pod.get("initContainers") or [])]]
        images += [entry.get("image") for entry in _noted(live, "before")]
        history = _noted(live, "history")
        images += [entry.get("image") for entry in history if entry.get("pullRequest") != inputs.pull_request]
    except (ValueError, TypeError, KeyError, AttributeError):
        log(f"what {named} has noted cannot be read: nothing is deleted")
        return None
    return {image.split("@")[1] for image in images if isinstance(image, str) and "@" in image}


def _noted(live: dict[str, Any], name: str) -> list[Any]:
    found = parsed(notes.note(live, name) or "[]")
    if not isinstance(found, list):
        raise TypeError
    return found


def is_rejected(inputs: Inputs) -> bool:
    """Return whether the pull request is closed unmerged as the forge has it now.

    Since the event it may have been opened anew and merged, and the event may be an old one or nobody's.
    """
    number = inputs.pull_request
    try:
        with Forge(inputs.api) as forge:
            pull = forge.get(f"/pulls/{number}")
    except ForgeError as error:
        warn(f"error: {error}")
        log(f"the forge does not say what became of #{number}: nothing is deleted")
        return False
    if isinstance(pull, dict) and pull.get("state") == "closed" and pull.get("merged") is False:
        log(f"#{number} is closed unmerged")
        return True
    log(f"#{number} is not closed unmerged: nothing is deleted")
    return False


class _Cleaning:
    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._registry = Registry(inputs.registry, trust.environment(inputs.api.trust, "registry"))
        there = Reading(config=inputs.registry.config, insecure=inputs.quarantine_insecure)
        self._quarantine = Registry(there, trust.environment(inputs.api.trust, "quarantine"))

    def delete(self, needed: set[str]) -> None:
        done = self._registry.crane("ls", self._inputs.image)
        if done.code:
            raise LeftError(_last_line(done))
        tags = [found for tag in done.text.splitlines() if (found := _TAG.fullmatch(tag))]
        own = [tag for tag in tags if tag["pull"] == self._inputs.pull_request]
        if not own:
            raise LeftError("nothing is there")
        others = [tag for tag in tags if tag["pull"] != self._inputs.pull_request]
        # The same image under another number, or another image of the same commit: that commit's tags may lead to either.
        shared = {tag["digest"] for tag in others}
        commits = {tag["commit"] for tag in others}
        shared |= {tag["digest"] for tag in own if tag["commit"] in commits}
        for begins, tag in sorted({tag["digest"]: tag[0] for tag in reversed(own)}.items()):
            self._delete(tag, needed, shared=begins in shared)

    def _delete(self, tag: str, needed: set[str], *, shared: bool) -> None:
        """Delete an image of this pull request and what is signed about it, or tell why it stays."""
        image = self._inputs.image
        done = self._registry.crane("digest", f"{image}:{tag}")
        if done.code:
            log(f"stays: {tag}: {_last_line(done)}")
            return
        digest = done.text
        if digest in needed:
            log(f"stays: {digest}, which the environment needs")
            return
        if shared:
            log(f"stays: {digest}, which another pull request has as well")
            return
        try:
            referrers = self._own_referrers(digest)
        except StaysError as why:
            log(f"stays: {digest}: {why}")
            return
        done = self._registry.crane("delete", f"{image}@{digest}")
        if done.code:
            raise LeftError(f"{digest}: {_last_line(done)}")
        # Where the registry keeps no list of what refers to an image, a tag does.
        listed, _ = self._registry.digest(f"{image}:sha256-{digest.removeprefix('sha256:')}")
        for referrer in [*referrers, *([listed] if listed else [])]:
            done = self._registry.crane("delete", f"{image}@{referrer}")
            if done.code:
                log(f"stays: {referrer}: {_last_line(done)}")
        if self._inputs.quarantine:
            done = self._quarantine.crane("delete", f"{self._inputs.quarantine}@{digest}")
            if done.code:
                log(f"stays in quarantine: {digest}: {_last_line(done)}")
        log(f"deleted: {digest}")

    def _own_referrers(self, digest: str) -> list[str]:
        """Return what refers to an image. Raises StaysError unless every statement about it is about this pull request."""
        plain_http = ["--plain-http"] if self._inputs.registry.insecure else []
        config = ["--registry-config", str(self._inputs.registry.config / "config.json")]
        image = f"{self._inputs.image}@{digest}"
        try:
            command = ["oras", "discover", *plain_http, *config, "--format", "json", image]
            found = _value(called(command, self._registry.env))
            referrers = [str(item["digest"]) for item in found.get("referrers") or []]
            for referrer in referrers:
                layer = self._json("manifest", referrer)["layers"][0]["digest"]
                statement = self._json("blob", layer)
                payload = (statement.get("dsseEnvelope") or statement)["payload"]
                about = parsed(base64.b64decode(payload))["predicate"].get("pullRequest")
                if about != self._inputs.pull_request:
                    raise StaysError("something is signed about it that names another pull request, or none")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise StaysError("what is signed about it cannot be read") from error
        return referrers

    def _json(self, verb: str, digest: str) -> Any:
        return _value(self._registry.crane(verb, f"{self._inputs.image}@{digest}"))


def _value(done: Done) -> Any:
    if done.code:
        raise StaysError(_last_line(done))
    return parsed(done.out)


def _last_line(done: Done) -> str:
    return next(reversed(done.errors.splitlines()), "")
