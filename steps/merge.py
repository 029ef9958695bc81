"""Proves a merge: it is what the environment before this one ran. A step of its own where people approve what is proven.

Where that environment keeps its images in another registry, image and mark are proven there, copied, and proven again where
they are rolled out from.
"""

from dataclasses import dataclass
from pathlib import Path

from steps.history import History, Source
from steps.inputs import given
from steps.prove import Claim, OvertakenError, Proof, Proven, Results, judged, left
from steps.registry import Reading, Registry
from steps.result import Outcome, log, write
from steps.run import checked
from steps.text import compact
from steps.trust import Trust, environment


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """The registry of the environment before this one, where that is another one."""

    image: str = given("PARAM_SOURCE_IMAGE")
    config: Path = given("SOURCE_CONFIG")
    insecure: bool = given("SOURCE_INSECURE")
    push_config: Path = given("PUSH_CONFIG")
    """What may write to this environment's registry."""


@dataclass(frozen=True, kw_only=True)
class Vouching:
    """Where this environment signs what it has rolled out."""

    content: Path = given("CONTENT")
    """Where the step that signs reads what the merge made."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What is given of a merge."""

    image: str = given("PARAM_IMAGE")
    """Repository of the application's images."""
    source: Source
    claim: Claim
    registry: Reading
    elsewhere: Elsewhere | None
    outcome: Outcome
    trust: Trust | None
    results: Results
    vouching: Vouching | None


@dataclass(frozen=True)
class Merge:
    """What came of a merge."""

    history: History
    proven: Proven | None
    """What goes on."""
    moved: str
    """Why it does not, where the base branch has moved on."""


def run(inputs: Inputs) -> None:
    """Prove, and hand on what goes on."""
    prove(inputs)


def prove(inputs: Inputs) -> Merge:
    """Prove, and hand on what goes on. The registry is asked while the commits are fetched."""
    claim, outcome, elsewhere = inputs.claim, inputs.outcome, inputs.elsewhere
    proof = Proof(claim, outcome, _first(inputs), elsewhere.image if elsewhere else inputs.image)
    proof.ask()
    history = History(inputs.source, environment(inputs.trust, "forge-git"))
    content = history.fetch(claim.merge_sha, claim.head_sha)
    moved = judged(claim, outcome, inputs.results, inputs.source.paths, history, content)
    if moved is not None:
        return Merge(history, None, moved)
    try:
        proven = proof.prove(content, history)
    except OvertakenError as overtaken:
        return Merge(history, None, left(str(overtaken), outcome, inputs.results, history))
    if elsewhere:
        copy(inputs.image, inputs.registry, elsewhere, proven, claim.pull_request, inputs.trust)
        own = Registry(inputs.registry, environment(inputs.trust, "registry"))
        proven = Proof(claim, outcome, own, inputs.image, proven.digest).prove(content)
    if inputs.vouching:
        write(inputs.vouching.content, compact(content.data()))
    inputs.results.hand_on(proven)
    return Merge(history, proven, "")


def _first(inputs: Inputs) -> Registry:
    """Return the registry where a mark is looked for first."""
    elsewhere = inputs.elsewhere
    if not elsewhere:
        return Registry(inputs.registry, environment(inputs.trust, "registry"))
    return Registry(Reading(config=elsewhere.config, insecure=elsewhere.insecure), environment(inputs.trust, "source"))


def copy(image: str, reading: Reading, elsewhere: Elsewhere, proven: Proven, pull_request: str, trust: Trust | None) -> None:
    """Copy a proven image, unchanged and with its mark, to this environment's registry.

    The mark is an OCI referrer of the image, which crane and cosign would leave behind. Each side has a credential of its
    own.
    """
    options = ["--recursive", "--from-registry-config", str(elsewhere.config / "config.json")]
    options += ["--to-registry-config", str(elsewhere.push_config / "config.json")]
    options += ["--from-plain-http"] if elsewhere.insecure else []
    options += ["--to-plain-http"] if reading.insecure else []
    # Tagged with the commit that the mark speaks of: by one tag that keeps this image, and one for people, which may move.
    commit = proven.mark["headSha"]
    tag = f"{commit}-{pull_request}-{proven.digest.removeprefix('sha256:')[:12]}"
    env = {"DOCKER_CONFIG": str(elsewhere.push_config), **environment(trust, "source", "registry")}
    checked(["oras", "copy", "--no-tty", *options, proven.image, f"{image}:{tag},{commit}"], env)
    log(f"copied {proven.image} to {image}")
