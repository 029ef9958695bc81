"""Proves that a merge is what the environment before this one ran, and rolls it out. Never builds."""

from dataclasses import dataclass

from steps import merge
from steps.deploy import Delivery, Deploy
from steps.inputs import given
from steps.kubernetes import Access, Kubernetes
from steps.rollout import Target
from steps.run import Later
from steps.served import Served
from steps.smoke import Smoke


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    merged_by: str = given("PARAM_MERGED_BY")
    merge: merge.Inputs
    target: Target
    smoke: Smoke
    access: Access
    served: Served | None


def run(inputs: Inputs) -> None:
    """Promote a merge. The API server is met while it is proven."""
    with Kubernetes(inputs.access) as api:
        Later(api.connect)
        found, claim = merge.prove(inputs.merge), inputs.merge.claim
        deploy = Deploy(api, inputs.target, inputs.smoke, found.history)
        if found.proven:
            delivery = Delivery(
                image=found.proven.image,
                commit=claim.head_sha,
                merge_sha=claim.merge_sha,
                merged_by=inputs.merged_by,
                mark=found.proven.mark,
            )
            if deploy.run(delivery) and inputs.served:
                inputs.served.say_so()
        elif found.moved:
            deploy.moved_on(claim.merge_sha, found.moved)
