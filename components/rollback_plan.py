"""From settings to what keeps deploys and rollbacks in their bounds: how long Leases are held, and what may come back."""

from components import mark_plan
from components.application import deployment_name
from components.conventions import Manifest, lease_seconds, seconds
from components.settings.environment import Environment
from components.settings.registry import ReadRegistry
from components.settings.stack import Stack
from components.tasks import proof
from components.tasks.promote import Reading


def leases(stack: Stack, environment: Environment) -> dict[str, int]:
    """Return how long the Lease of each Deployment is held at most, in seconds."""
    rollout = seconds(environment.rollout_timeout)
    return {
        deployment_name(application.name): lease_seconds(rollout, application.smoke_check_seconds)
        for application in stack.settings.applications
    }


def reading(registry: ReadRegistry) -> Reading:
    """Return how a registry is read."""
    return Reading(insecure=registry.insecure, authenticated=registry.read is not None)


def proofs(stack: Stack, *, signs: bool) -> dict[str, Manifest]:
    """Return the Task that proves an image; `signs` says whether marks are made here."""
    public_key = stack.settings.mark.public_key
    args = proof.ProofTaskArgs(
        registry=reading(stack.settings.registry),
        public_key=None if signs or not public_key else stack.text(public_key),
        former_keys=mark_plan.former_keys(stack),
    )
    return {proof.NAME: proof.spec(args)}
