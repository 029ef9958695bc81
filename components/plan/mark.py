"""From settings to which marks an environment accepts."""

from components.conventions import Manifest, seconds
from components.settings.environment import Environment
from components.settings.registry import ReadRegistry
from components.settings.stack import Stack
from components.tasks import proof
from components.tasks.promote import Marks, Reading


def marks(stack: Stack, environment: Environment) -> Marks:
    """Return which marks an environment demands that delivers merges."""
    mark = stack.settings.mark
    return Marks(
        environment=environment.promotes_from,
        public_key=stack.text(mark.public_key) if mark.public_key else "",
        former_keys=_former_keys(stack),
        max_age=seconds(mark.max_age) if mark.max_age else None,
        seconds=seconds(mark.timeout),
    )


def reading(registry: ReadRegistry) -> Reading:
    """Return how a registry is read."""
    return Reading(insecure=registry.insecure, authenticated=registry.read is not None)


def proofs(stack: Stack, *, signs: bool) -> dict[str, Manifest]:
    """Return the Task that proves an image that is to come back; `signs` says whether marks are made here."""
    public_key = stack.settings.mark.public_key
    args = proof.ProofTaskArgs(
        registry=reading(stack.settings.registry),
        public_key=None if signs or not public_key else stack.text(public_key),
        former_keys=_former_keys(stack),
    )
    return {proof.NAME: proof.spec(args)}


def _former_keys(stack: Stack) -> tuple[str, ...]:
    """Return the public keys, PEM, by which marks were made before and that still count."""
    return tuple(map(stack.text, stack.settings.mark.former_public_keys))
