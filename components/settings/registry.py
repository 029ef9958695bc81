"""Where images are."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model, Source


class User(Model):
    """A user of a registry."""

    username: form.RegistryUser = Field(description="name of the user", examples=["deployer"])
    password: Source = Field(description="its password or token", examples=[{"file": "secrets/registry-password"}])


class ReadRegistry(Model):
    """An OCI registry, and who reads there. Without `read` its images are pulled anonymously."""

    host: form.Host = Field(description="where the registry answers", examples=["ghcr.io"])
    path: form.ImagePath = Field(default="", description="path before image names", examples=["acme"])
    insecure: bool = Field(default=False, description="true for a registry without TLS")
    read: User | None = Field(default=None, description="the user that pulls")
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

    write: User | None = Field(default=None, description="the user that pushes")
    delete: User | None = Field(
        default=None,
        description="the user that deletes what pull requests left that were closed unmerged; without it nothing is deleted",
        examples=[{"username": "cleaner", "password": {"file": "secrets/registry-cleaner"}}],
    )
