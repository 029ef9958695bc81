"""What is delivered."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model, TextOrSource


class Resources(Model):
    """Limits of an application's container."""

    cpu: form.Cpu = Field(default="500m", description="cores")
    memory: form.Memory = Field(default="256Mi", description="bytes")


class Application(Model):
    """A repository that becomes one image and one Deployment."""

    name: form.Name = Field(description="also the image's name; its Deployment is `<name>-pod`", examples=["shop"])
    repository: form.RepositoryName = Field(description="the repository on the forge", examples=["acme/shop"])
    base_branch: form.Branch = Field(default="main", description="the branch to merge to")
    port: form.Port = Field(default=8080, description="where the container listens; also given to it as $PORT")
    health_path: form.HttpPath = Field(default="/", description="readiness probe's path")
    resources: Resources = Field(default_factory=Resources, description="limits of the container")
    test_command: str = Field(
        default="true", min_length=1, description="run by sh in the root of the repository", examples=["make test"]
    )
    dockerfile: form.RelativePath = Field(default="Dockerfile", description="path in the repository")
    context: form.RelativePath = Field(default=".", description="the build's context, a path in the repository")
    build_args: dict[form.ArgumentName, TextOrSource] = Field(
        default_factory=dict,
        description="build arguments; values are not secret",
        examples=[{"BASE": "registry.example/base:1"}],
    )
