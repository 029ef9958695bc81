"""Says whether anything has to be built: not for an application with paths that a pull request does not touch, and not
after a merge whose result is what the pull request's head was, which has been built before."""

from dataclasses import dataclass
from pathlib import Path

from steps.history import History, Source
from steps.inputs import given
from steps.result import Outcome, log, write
from steps.text import several
from steps.trust import Trust, environment


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    commit: str = given("PARAM_COMMIT")
    merged_head: str = given("PARAM_MERGED_HEAD")
    always: str = given("PARAM_ALWAYS")
    needed: Path = given("RESULT_NEEDED_PATH")
    promotable: Path = given("RESULT_PROMOTABLE_PATH")
    source: Source
    outcome: Outcome
    trust: Trust | None


def run(inputs: Inputs) -> None:
    """Look at the commits, and answer."""
    history = History(inputs.source, environment(inputs.trust, "forge-git"))
    content = history.fetch(inputs.commit, inputs.merged_head, compare=True)
    needed = inputs.always == "yes" or (content.touched and not content.tested)
    if not content.touched and not needed:
        write(inputs.promotable, "untouched")
        inputs.outcome.say(f"nothing to stage: it does not touch {several(inputs.source.paths)}")
    write(inputs.needed, "yes" if needed else "no")
    log(f"to be built: {'yes' if needed else 'no'}")
