"""Copies the image from quarantine by digest and unchanged, rolls it out, and looks up what it was asked to be built from.

The copy's tag is its alone, and keeps it; those that lead to what is signed are set by the step that signs.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from steps import image
from steps.deploy import Delivery, Deploy
from steps.head import Head
from steps.history import History, Source
from steps.inputs import given
from steps.kubernetes import Access, Kubernetes
from steps.registry import Reading, Registry
from steps.result import Outcome, log, warn, write
from steps.rollout import Rollout, Target
from steps.run import Later
from steps.smoke import Smoke
from steps.text import compact
from steps.trust import Trust, environment


@dataclass(frozen=True, kw_only=True)
class Copying:
    """What is copied, and where to."""

    head_sha: str = given("PARAM_HEAD_SHA")
    image: str = given("PARAM_IMAGE")
    quarantine_image: str = given("PARAM_QUARANTINE_IMAGE")
    digest: str = given("PARAM_DIGEST")
    """What pod 1 says that it built."""
    platform: str = given("PLATFORM")
    """Empty for the node's own."""
    max_size: str = given("MAX_IMAGE_SIZE")
    pull_request: str = given("PARAM_PULL_REQUEST")
    result: Path = given("RESULT_IMAGE_PATH")
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    copying: Copying
    source: Source
    registry: Reading
    target: Target
    smoke: Smoke
    access: Access
    trust: Trust | None
    ref: str = given("PARAM_REF")
    """What must be that commit still; empty for a merge."""
    content: Path = given("CONTENT")
    """Where the step that signs reads what the commit says."""


def run(inputs: Inputs) -> None:
    """Stage what pod 1 built."""
    with Kubernetes(inputs.access) as api:
        Later(api.connect)
        git = environment(inputs.trust, "forge-git")
        live = Rollout(api, inputs.target).live
        head = Head(inputs.source.url, inputs.ref, inputs.source.folder, git, live)
        head.ask(inputs.copying.head_sha)
        registry = Registry(inputs.registry, environment(inputs.trust, "quarantine", "registry"))
        copied = copy(inputs.copying, registry)
        deploy = Deploy(api, inputs.target, inputs.smoke, head=head)
        deploy.run(Delivery(image=copied, commit=inputs.copying.head_sha))
    # Only now: whether the base branch has moved is told as it is once this serves.
    history = History(inputs.source, git)
    write(inputs.content, compact(history.fetch(inputs.copying.head_sha).data()))


def copy(copying: Copying, registry: Registry) -> str:
    """Copy the image, and return it by digest."""
    if not image.is_digest(copying.digest):
        raise _refusal(copying.outcome, f"pod 1 gave no digest but '{copying.digest}'")
    source = f"{copying.quarantine_image}@{copying.digest}"
    manifest = registry.crane_or_end("manifest", source, bound=image.LARGEST_MANIFEST)
    if manifest is None:
        raise _refusal(copying.outcome, "the manifest of the image is larger than 4 MiB")
    wrong = image.wrong_manifest(manifest, copying.max_size)
    if wrong:
        raise _refusal(copying.outcome, wrong)
    config = registry.crane_or_end("config", source, bound=image.LARGEST_MANIFEST)
    wrong = image.wrong_platform(config or b"", copying.platform)
    if wrong:
        raise _refusal(copying.outcome, wrong)
    tag = f"{copying.head_sha}-{copying.pull_request}-{copying.digest.removeprefix('sha256:')[:12]}"
    registry.crane_or_end("copy", source, f"{copying.image}:{tag}")
    copied = f"{copying.image}@{copying.digest}"
    write(copying.result, copied)
    log(f"copied {copied}")
    return copied


def _refusal(outcome: Outcome, text: str) -> SystemExit:
    """What pod 1 and a manifest say ends up in a log and a commit status."""
    reason = re.sub("[^ -~]", "", text)[:139]
    outcome.give(reason)
    warn(f"error: {reason}")
    return SystemExit(1)
