"""A delivery has started: older runs of the pull request are cancelled, and it says so.

Unless its commit is not the head any more: then it is this run that ends.
"""

from dataclasses import dataclass

from steps import announce, pulls, supersede
from steps.forge import Forge, ForgeError
from steps.pulls import PullRequest
from steps.result import warn
from steps.supersede import Run


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    mine: Run
    pull_request: PullRequest
    status: announce.Inputs


def run(inputs: Inputs) -> None:
    """Ask, cancel, then tell. Where the forge does not answer nothing is cancelled: the rollout asks git once more."""
    try:
        with Forge(inputs.status.api) as forge:
            _begin(inputs, forge)
    except ForgeError as error:
        warn(f"error: {error}")
        warn("the forge has not been asked or told: older runs go on")


def _begin(inputs: Inputs, forge: Forge) -> None:
    sha = inputs.status.sha
    try:
        by = pulls.overtaken(forge, inputs.pull_request, sha)
    except ForgeError as error:
        warn(f"error: {error}")
        warn("the forge does not tell whether this is the head: older runs go on")
    else:
        if by:
            supersede.give_up(inputs.mine, by)
        supersede.cancel_older(inputs.mine, inputs.pull_request, sha)
    announce.tell(forge, inputs.status)
