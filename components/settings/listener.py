"""What receives the forge's webhooks."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model


class Listener(Model):
    """The stack's one EventListener."""

    name: form.Name = Field(default="github-el", description="its Service is `el-<name>`")
