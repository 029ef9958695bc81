"""What runs beside an application's tests."""

from pydantic import Field

from components.settings import places
from components.settings import types as form
from components.settings.types import Limits, Model, TextOrSource


class Ready(Model):
    """How a service shows that it can be used. The tests start after that."""

    port: form.Port = Field(description="where it accepts a connection", examples=[5432])
    path: places.HttpPath | None = Field(
        default=None, description="asked there by GET until the status is below 400", examples=["/health"]
    )
    timeout: form.Duration = Field(default="2m", description="how long that may take, its image's pull included")


class ServiceResources(Limits):
    """Limits of a service."""

    cpu: form.Cpu = Field(default="1", description="cores")
    memory: form.ContainerMemory = Field(default="512Mi", description="bytes")
    ephemeral_storage: form.Memory = Field(
        default="2Gi", description="bytes of the node's disk, for what it writes and for each writable folder"
    )


class Service(Model):
    """A container beside the tests."""

    image: TextOrSource = Field(
        description="what it runs, by digest", examples=["registry.example/postgres@sha256:<64 hex digits>"]
    )
    command: list[form.Line] = Field(
        default_factory=list, description="instead of the image's entrypoint", examples=[["sh", "-c"]]
    )
    args: list[form.Line] = Field(default_factory=list, description="instead of the image's command", examples=[["--tiny"]])
    env: dict[form.ArgumentName, form.Line] = Field(
        default_factory=dict,
        description="environment variables; values are not secret: the tests can read whatever the service knows",
        examples=[{"POSTGRES_HOST_AUTH_METHOD": "trust"}],
    )
    user: form.UserId = Field(
        default=65532, description="numeric user and group that it runs as, never root", examples=[999]
    )
    writable: list[form.Folder] = Field(
        default_factory=list,
        description="folders that start empty and that its user can write to, whoever they belong to in the image",
        examples=[["/data"]],
    )
    ready: Ready | None = Field(
        default=None, description="how it shows that it can be used; without this the tests do not wait for it"
    )
    resources: ServiceResources = Field(default_factory=ServiceResources, description="limits")
