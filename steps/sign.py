"""Signs the mark: a statement that this digest, built from this commit's tree, was rolled out here and got ready.

The tree comes from the forge by this pod's own fetch, never from the pod that ran the pull request's code. Only then the
commit's tags lead to it: where they lead a mark is, whatever becomes of other runs of the same commit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps import notes
from steps.inputs import given
from steps.registry import Reading, Registry
from steps.result import log, write
from steps.text import compact, parsed
from steps.trust import Trust, environment


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is said of an image, and by which key."""

    repository: str = given("PARAM_REPOSITORY")
    application: str = given("PARAM_APPLICATION")
    head_sha: str = given("PARAM_HEAD_SHA")
    pull_request: str = given("PARAM_PULL_REQUEST")
    environment: str = given("ENVIRONMENT")
    run: str = given("RUN")
    content: Path = given("CONTENT")
    """What the step before has looked up."""
    key: Path = given("MARK_KEY")
    kind: str = given("MARK_TYPE")
    scratch: Path = given("SCRATCH")
    image: Path = given("RESULT_IMAGE_PATH")
    registry: Reading
    trust: Trust | None


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    statement: Statement
    promotable: Path = given("RESULT_PROMOTABLE_PATH")


def run(inputs: Inputs) -> None:
    """Sign, and tell whether the commit can be promoted as it is."""
    content = sign(inputs.statement)
    write(inputs.promotable, "yes" if content["current"] else "no")


def sign(inputs: Statement) -> dict[str, Any]:
    """Sign, and let the commit's tags lead to what is signed. Returns what the commit says."""
    image = inputs.image.read_text()
    content: dict[str, Any] = parsed(inputs.content.read_text())
    paths = content.get("paths")
    mark = {
        "repository": inputs.repository,
        "application": inputs.application,
        "headSha": inputs.head_sha,
        "tree": content["tree"],
        "digest": image.rpartition("@")[2],
        "environment": inputs.environment,
        "pullRequest": inputs.pull_request,
        "run": inputs.run,
        "at": notes.timestamp(),
    } | ({"paths": paths} if paths else {})
    predicate = inputs.scratch / "mark.json"
    predicate.write_text(compact(mark), encoding="utf-8")
    registry = Registry(inputs.registry, environment(inputs.trust, "registry"))
    registry.attest(image, inputs.key, predicate, inputs.kind)
    # The first one is where the next environment looks, the second one is for people.
    for tag in (f"{inputs.head_sha}-{inputs.environment}", inputs.head_sha):
        registry.crane_or_end("tag", image, tag)
    log(f"signed: {image}, {compact(paths or content['tree'])}")
    return content
