"""How one environment vouches for an image."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model, Source


class Mark(Model):
    """The key pair by which one environment vouches for an image and the next one believes it."""

    public_key: Source | None = Field(
        default=None, description="needed where an environment delivers on merge", examples=[{"file": "mark.pub"}]
    )
    private_key: Source | None = Field(
        default=None,
        description="needed where an environment delivers on pull-request",
        examples=[{"file": "secrets/mark.key"}],
    )
    password: Source | None = Field(
        default=None, description="opens the private key", examples=[{"file": "secrets/mark-password"}]
    )
    timeout: form.Duration = Field(default="10m", description="how long a merge waits for a mark that is not there yet")
