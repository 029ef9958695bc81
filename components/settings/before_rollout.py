"""What has to succeed before an image is rolled out."""

from pydantic import Field

from components.conventions import before_rollout_seconds, seconds
from components.settings import types as form
from components.settings.types import Model


class BeforeRollout(Model):
    """A command of the new image, once for each digest and environment, before a rollout changes anything."""

    command: list[str] = Field(
        min_length=1,
        description="instead of the image's entrypoint, with the application's environment",
        examples=[["python", "manage.py", "migrate"]],
    )
    timeout: form.Duration = Field(
        default="10m", description="how long it may take, its image's pull included; then nothing is rolled out"
    )

    @property
    def seconds(self) -> int:
        """The timeout in seconds."""
        return seconds(self.timeout)


def longest(before: BeforeRollout | None) -> int:
    """Return how many seconds a rollout is put off by it at most; 0 without one."""
    return before_rollout_seconds(before.seconds) if before else 0
