"""From settings to which marks an environment believes."""

from components.conventions import seconds
from components.settings.environment import Environment
from components.settings.stack import Stack
from components.tasks.promote import Marks


def marks(stack: Stack, environment: Environment) -> Marks:
    """Return which marks an environment demands that delivers merges."""
    mark = stack.settings.mark
    return Marks(
        environment=environment.promotes_from,
        public_key=stack.text(mark.public_key) if mark.public_key else "",
        former_keys=former_keys(stack),
        max_age=seconds(mark.max_age) if mark.max_age else None,
        seconds=seconds(mark.timeout),
    )


def former_keys(stack: Stack) -> tuple[str, ...]:
    """Return the public keys, PEM, by which marks were made before and that still count."""
    return tuple(map(stack.text, stack.settings.mark.former_public_keys))
