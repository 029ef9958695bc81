"""Tells on the pull request what it waits for. It goes on if the forge does not answer: that is no reason to stop."""

from dataclasses import dataclass

from steps import statuses
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given
from steps.result import warn


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    api: Api
    sha: str = given("PARAM_HEAD_SHA")
    environment: str = given("ENVIRONMENT")
    suffix: str = given("CONTEXT_SUFFIX")
    waits_for: str = given("WAITS_FOR")


def run(inputs: Inputs) -> None:
    """Set the status to pending."""
    try:
        with Forge(inputs.api) as forge:
            tell(forge, inputs)
    except ForgeError as error:
        warn(f"error: {error}")
        warn("the forge has not been told")


def tell(forge: Forge, inputs: Inputs) -> None:
    """Set the status to pending, or go on."""
    try:
        name = f"{inputs.environment}{inputs.suffix}"
        statuses.set_status(forge, inputs.sha, name, statuses.PENDING, inputs.waits_for)
    except ForgeError as error:
        warn(f"error: {error}")
        warn("the forge has not been told")
