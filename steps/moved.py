"""Tells open pull requests that the base branch has moved, whoever moved it: of an application whose paths it touches.

As with the end of a run (steps/report.py): a forge that is down, or asked too often, fails nothing and is told later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from steps import statuses, trust, untold
from steps.forge import Api, Forge, ForgeError
from steps.git import Repository
from steps.inputs import given, read
from steps.links import Page
from steps.result import log, warn
from steps.statuses import Branch, Heads
from steps.untold import HEADS, Late, Left


@dataclass(frozen=True, kw_only=True)
class Told:
    """Who is told."""

    api: Api
    branch: Branch
    page: Page | None

    def tell(self, since: datetime | None = None) -> Heads:
        """Tell them; late, where it happened at a time."""
        try:
            with Forge(self.api) as forge:
                return statuses.tell_open_heads(forge, self.branch, self.page, since)
        except ForgeError as error:
            warn(f"error: {error}")
            return Heads.LATER if error.passing else Heads.REFUSED


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    told: Told
    left: Left
    url: str = given("PARAM_REPOSITORY_URL")
    paths: tuple[str, ...] = given("PARAM_PATHS")
    before: str = given("PARAM_BEFORE")
    after: str = given("PARAM_AFTER")
    scratch: Path = given("SCRATCH")


def run(inputs: Inputs) -> None:
    """Tell, unless the application's paths hold what they held before."""
    touched = touches(inputs)
    log(f"touches the application: {'yes' if touched else 'no'}")
    if not touched:
        return
    heard = inputs.told.tell()
    what = [] if heard is Heads.TOLD else [HEADS]
    inputs.left.leave(what)
    if heard is Heads.REFUSED:
        raise SystemExit(1)
    untold.warn_of(what)


def tell_late(variables: Mapping[str, str], late: Late) -> None:
    """Tell what was left; `variables` are those that the step had."""
    if HEADS in late.what:
        read(Told, variables).tell(late.since)


def touches(inputs: Inputs) -> bool:
    """Return whether what moved the base branch touches the application."""
    if not inputs.paths:
        return True
    moved = Repository(inputs.scratch / "moved.git", trust.environment(inputs.told.api.trust, "forge-git"))
    moved.init()
    try:
        moved.fetch(inputs.url, (inputs.before, inputs.after), "--depth=1", "--filter=blob:none")
    except SystemExit:
        # What a forced push left behind, or the nothing before a branch was made, need not be there to be fetched.
        return True
    return moved.differs(inputs.before, inputs.after, inputs.paths)
