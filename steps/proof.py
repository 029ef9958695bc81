"""Whether an image may come back.

A mark says that the environment whose word counts ran this digest of this application, built from the commit that it is
recorded for, or from the merge of that commit. `python -m operate rollback` asks, and trusts no record of its own.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps.inputs import given
from steps.registry import Keys, Reading, Registry, public_key
from steps.result import Outcome, log, warn, write
from steps.text import compact, same_repository
from steps.trust import Trust, environment

# Tekton takes 4096 bytes of all results of a step: of a larger mark is handed on what does not grow with the paths.
_LARGEST = 2048
_SMALL = ("repository", "application", "headSha", "tree", "digest", "environment", "pullRequest", "run", "at")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    application: str = given("PARAM_APPLICATION")
    repository: str = given("PARAM_REPOSITORY")
    image: str = given("PARAM_IMAGE")
    vouched_by: str = given("VOUCHED_BY")
    digest: str = given("PARAM_DIGEST")
    commit: str = given("PARAM_COMMIT")
    merge_commit: str = given("PARAM_MERGE_COMMIT")
    key: Path | None = given("MARK_KEY")
    """The key that signs, where marks are made."""
    mark: Path = given("RESULT_MARK_PATH")
    keys: Keys
    registry: Reading
    outcome: Outcome
    trust: Trust | None


def run(inputs: Inputs) -> None:
    """Look for the mark, and tell what it says."""
    # Where the marks are made, their public key is that of the key that makes them.
    keys = dataclasses.replace(inputs.keys, public=public_key(inputs.key)) if inputs.key else inputs.keys
    registry = Registry(inputs.registry, environment(inputs.trust, "registry"))
    found, said = registry.attested(f"{inputs.image}@{inputs.digest}", keys)
    if said:
        warn(said.rstrip("\n"), lines=True)
    marks = [mark for mark in found if _vouches(inputs, mark)]
    if not marks:
        reason = f"{inputs.vouched_by} has signed nothing about {inputs.digest} of {inputs.commit}"
        inputs.outcome.give(reason)
        warn(reason)
        raise SystemExit(1)
    mark = compact(marks[0])
    log(mark)
    if len(mark.encode()) > _LARGEST:
        mark = compact({name: value for name, value in marks[0].items() if name in _SMALL})
    write(inputs.mark, mark)


def _vouches(inputs: Inputs, mark: Any) -> bool:
    if not isinstance(mark, dict):
        return False
    wanted = {"digest": inputs.digest, "environment": inputs.vouched_by}
    commit = mark.get("headSha")
    return (
        all(mark.get(name) == value for name, value in wanted.items())
        and same_repository(mark.get("repository"), inputs.repository)
        and bool(commit)
        and commit in (inputs.commit, inputs.merge_commit)
        and mark.get("application") in (None, False, inputs.application)
    )
