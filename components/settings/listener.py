"""What receives the forge's webhooks."""

from pydantic import Field

from components.settings import types as form
from components.settings.exposure import ListenerExposure
from components.settings.types import Model


class WebhookSecret(Model):
    """The secret by which the forge signs webhooks, and how far its rotation has come."""

    generation: form.Generation = Field(default=1, description="one more makes a new secret")
    accept_previous: bool = Field(
        default=False,
        description="whether the secret of the generation before still counts: until the new one is entered in the forge",
    )


class Listener(Model):
    """The stack's one EventListener."""

    name: form.Name = Field(default="github-el", description="its Service is `el-<name>`")
    webhook_secret: WebhookSecret = Field(
        default_factory=WebhookSecret, description="its rotation, step by step in SECURITY.md"
    )
    exposure: ListenerExposure | None = Field(
        default=None,
        description="how the forge reaches it; default only from inside the cluster",
        examples=[{"host": "hooks.example.com", "ingress": {"className": "nginx", "tlsSecret": "hooks-tls"}}],
    )
