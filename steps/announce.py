"""Tells on the pull request what it waits for. It goes on if the forge does not answer: that is no reason to stop."""

from dataclasses import dataclass

from steps import comments, deployments, statuses
from steps.comments import Comment
from steps.deployments import IN_PROGRESS, Deployment, Deployments
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given
from steps.links import Page
from steps.result import warn


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    api: Api
    sha: str = given("PARAM_HEAD_SHA")
    environment: str = given("ENVIRONMENT")
    suffix: str = given("CONTEXT_SUFFIX")
    waits_for: str = given("WAITS_FOR")
    page: Page | None
    comment: Comment | None
    deployments: Deployments | None


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
    name, pending = f"{inputs.environment}{inputs.suffix}", statuses.PENDING
    try:
        page = inputs.page.of(inputs.sha) if inputs.page else ""
        me = statuses.set_status(forge, inputs.sha, name, pending, inputs.waits_for, page)
    except ForgeError as error:
        warn(f"error: {error}")
        warn("the forge has not been told")
        return
    if inputs.comment:
        told = comments.section(inputs.comment, key=name, state=pending, reason=inputs.waits_for, commit=inputs.sha)
        comments.tell(inputs.api, inputs.comment, me, told)
    if inputs.deployments:
        going = Deployment(sha=inputs.sha, environment=name, state=IN_PROGRESS, description=inputs.waits_for)
        deployments.begin(inputs.api, inputs.deployments, me, going)
