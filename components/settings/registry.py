"""Where images are."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from components.settings import types as form
from components.settings.sources import DockerConfig
from components.settings.types import Model, Source


class User(Model):
    """A user of a registry: its name and password, or a Secret that is there already and holds both."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["username", "password"]}, {"required": ["secret"], "maxProperties": 1}]}
    )

    username: form.RegistryUser | None = Field(default=None, description="name of the user", examples=["deployer"])
    password: Source | None = Field(
        default=None, description="its password or token", examples=[{"file": "secrets/registry-password"}]
    )
    secret: DockerConfig | None = Field(
        default=None,
        description="instead of both: a Secret of type `kubernetes.io/dockerconfigjson` that is there already "
        "(docs/real-clusters.md)",
        examples=[{"name": "registry-credentials"}],
    )

    @model_validator(mode="after")
    def _known_or_held(self) -> Self:
        given = [name for name in ("username", "password") if getattr(self, name) is not None]
        if given != ([] if self.secret else ["username", "password"]):
            raise ValueError("a mapping with `username` and `password`, or with `secret` alone")
        return self


_USER = {"username": "deployer", "password": {"file": "secrets/registry-password"}}


class ReadRegistry(Model):
    """An OCI registry, and who reads there. Without `read` its images are pulled anonymously."""

    host: form.Host = Field(description="where the registry answers", examples=["ghcr.io"])
    path: form.ImagePath = Field(default="", description="path before image names", examples=["acme"])
    insecure: bool = Field(default=False, description="true for a registry without TLS")
    read: User | None = Field(default=None, description="the user that pulls", examples=[_USER])
    addresses: list[form.AddressRange] = Field(
        default_factory=list,
        description="where it is, and where it sends for layers; pods that talk to it reach these alone. By default every "
        "public address, or, for a name that only a company or a cluster has, every private one",
        examples=[["10.20.0.0/24"]],
    )

    @property
    def url(self) -> str:
        """Where the registry answers, e.g. `http://registry.internal:5000`."""
        return f"{'http' if self.insecure else 'https'}://{self.host}"

    def image(self, name: str) -> str:
        """Return the repository of an image here, e.g. `registry.internal:5000/chespirito`."""
        return "/".join(part for part in (self.host, self.path.strip("/"), name) if part)


class Registry(ReadRegistry):
    """An OCI registry, and who reads and writes there."""

    write: User | None = Field(default=None, description="the user that pushes", examples=[_USER])
    delete: User | None = Field(
        default=None,
        description="the user that deletes what pull requests left that were closed unmerged; without it nothing is deleted",
        examples=[{"username": "cleaner", "password": {"file": "secrets/registry-cleaner"}}],
    )
