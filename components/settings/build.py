"""How images are built from pull requests."""

from pydantic import Field

from components.settings import types as form
from components.settings.registry import Registry
from components.settings.types import Model


class Build(Model):
    """How images are built from pull requests."""

    quarantine: Registry = Field(description="the only registry that pods with pull-request code can write to")
    seccomp_profile: str | None = Field(
        default=None,
        description="a Localhost seccomp profile that lets buildah unshare; default Unconfined",
        examples=["tekton-delivery/image-build.json"],
    )
    timeout: form.Duration = Field(default="20m", description="for fetch, tests and image together")
