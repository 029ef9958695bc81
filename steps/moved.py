"""Tells open pull requests that the base branch has moved, whoever moved it: of an application whose paths it touches."""

from dataclasses import dataclass
from pathlib import Path

from steps import statuses, trust
from steps.forge import Api, Forge
from steps.git import Repository
from steps.inputs import given
from steps.links import Page
from steps.result import log
from steps.statuses import Branch


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    api: Api
    branch: Branch
    page: Page | None
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
    with Forge(inputs.api) as forge:
        if not statuses.tell_open_heads(forge, inputs.branch, inputs.page):
            raise SystemExit(1)


def touches(inputs: Inputs) -> bool:
    """Return whether what moved the base branch touches the application."""
    if not inputs.paths:
        return True
    moved = Repository(inputs.scratch / "moved.git", trust.environment(inputs.api.trust, "forge-git"))
    moved.init()
    try:
        moved.fetch(inputs.url, (inputs.before, inputs.after), "--depth=1", "--filter=blob:none")
    except SystemExit:
        # What a forced push left behind, or the nothing before a branch was made, need not be there to be fetched.
        return True
    return moved.differs(inputs.before, inputs.after, inputs.paths)
