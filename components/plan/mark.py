"""From settings to which marks an environment accepts."""

from components.conventions import Manifest, seconds
from components.plan.delivery import Delivery
from components.settings.registry import ReadRegistry
from components.tasks import proof
from components.tasks.promote import Marks, Reading


def marks(delivery: Delivery) -> Marks:
    """Return which marks an environment demands that delivers merges."""
    max_age = delivery.settings.mark.max_age
    return Marks(
        environment=delivery.environment.promotes_from,
        public_key=_public_key(delivery) or "",
        former_keys=_former_keys(delivery),
        max_age=seconds(max_age) if max_age else None,
        seconds=delivery.waits,
        chained=delivery.after is not None,
    )


def reading(registry: ReadRegistry) -> Reading:
    """Return how a registry is read."""
    return Reading(insecure=registry.insecure, authenticated=registry.read is not None)


def proofs(delivery: Delivery) -> dict[str, Manifest]:
    """Return the Task that proves an image that is to come back; where marks are made of what is built, by that key."""
    args = proof.ProofTaskArgs(
        registry=reading(delivery.settings.registry),
        public_key=None if delivery.builds else _public_key(delivery),
        former_keys=_former_keys(delivery),
    )
    return {proof.NAME: proof.spec(args)}


def _public_key(delivery: Delivery) -> str | None:
    """Return the public key, PEM, that counts in an environment."""
    key = delivery.environment.mark.believed(delivery.settings.mark)
    return delivery.stack.text(key) if key else None


def _former_keys(delivery: Delivery) -> tuple[str, ...]:
    """Return the public keys, PEM, by which marks were made before and that still count."""
    return tuple(map(delivery.stack.text, delivery.environment.mark.believed_before(delivery.settings.mark)))
