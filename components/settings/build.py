"""How images are built from pull requests."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from components.addresses import is_public
from components.settings import types as form
from components.settings.registry import ReadRegistry, Registry
from components.settings.types import Limits, Model, Source, TextOrSource


class Proxy(Model):
    """The way out of the cluster for tests and builds, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

    url: form.ProxyUrl = Field(description="where the proxy answers", examples=["http://proxy.example:3128"])
    except_for: list[form.ProxyException] = Field(
        default_factory=list,
        description="hosts and domains that are reached directly, beside the quarantine registry and the cluster itself",
        examples=[[".corp.example"]],
    )
    addresses: list[form.AddressRange] = Field(
        default_factory=list,
        description="where it is; tests and builds reach these alone. By default every public address, or, for a name that "
        "only a company or a cluster has, every private one",
        examples=[["10.20.0.20/32"]],
    )


class TestResources(Limits):
    """Limits of the step that runs the tests."""

    cpu: form.Cpu = Field(default="2", description="cores")
    memory: form.Memory = Field(default="1Gi", description="bytes")
    ephemeral_storage: form.Memory = Field(
        default="10Gi",
        description="bytes of the node's disk, for the checkout and again for the copy that the tests work on",
    )


class ImageResources(Limits):
    """Limits of the step that builds the image."""

    cpu: form.Cpu = Field(default="2", description="cores")
    memory: form.Memory = Field(default="2Gi", description="bytes")
    ephemeral_storage: form.Memory = Field(
        default="10Gi", description="bytes of the node's disk, for the layers unless `build.storage` puts them elsewhere"
    )


class Volume(Model):
    """A volume for each run, which ends with its pod."""

    size: form.Memory = Field(description="how much it holds", examples=["20Gi"])
    class_name: form.ObjectName | None = Field(
        default=None, description="the StorageClass; default the cluster's default one", examples=["fast"]
    )


class Storage(Model):
    """Where the layers of an image lie while it is built: one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    memory: form.Memory | None = Field(
        default=None,
        description="memory of the node, at most so much; it counts as memory of the image step",
        examples=["1Gi"],
    )
    volume: Volume | None = Field(
        default=None, description="a volume that the cluster provisions", examples=[{"size": "20Gi"}]
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.memory is None) == (self.volume is None):
            raise ValueError("a mapping with one key, either `memory` or `volume`")
        return self


class Build(Model):
    """How images are built from pull requests."""

    quarantine: Registry = Field(description="the only registry that pods with pull-request code can write to")
    builder_image: TextOrSource = Field(
        default=Source(file=".local/images/builder"),
        description="the image that builds images (BuildKit), by digest",
        examples=["registry.example/builder@sha256:<64 hex digits>"],
    )
    process_sandbox: bool = Field(
        default=True,
        description="gives each RUN of a Dockerfile processes of its own, which takes Kubernetes 1.35 (`procMount`); "
        "without, it sees the processes of the step that builds, and can end them",
    )
    seccomp_profile: str | None = Field(
        default=None,
        description="a Localhost seccomp profile that lets BuildKit unshare; default Unconfined",
        examples=["tekton-delivery/image-build.json"],
    )
    timeout: form.Duration = Field(default="20m", description="for fetch, tests and image together")
    platform: form.Platform | None = Field(
        default=None,
        description="what an image must be for to be taken out of quarantine; default: that of the node that takes it",
        examples=["linux/amd64"],
    )
    max_image_size: form.Memory = Field(
        default="2Gi", description="the largest image that is taken out of quarantine, all layers compressed"
    )
    base_images: dict[form.RegistryName, ReadRegistry] = Field(
        default_factory=dict,
        description="a registry that FROM names (`docker.io` is that of short names such as `node:22`), and where its "
        "images are read: there, with a login, or at a mirror; every pull request that is no fork's can take the login",
        examples=[{"docker.io": {"host": "mirror.example", "path": "dockerhub"}}],
    )
    proxy: Proxy | None = Field(
        default=None,
        description="the way out for tests and builds",
        examples=[{"url": "http://proxy.example:3128"}],
    )
    internet: bool | None = Field(
        default=None,
        description="whether tests and builds reach every public address on ports 80 and 443; where it is not said, they do "
        "on the ports of a forge or a quarantine registry without `addresses`, and a warning tells of it",
        examples=[False],
    )
    test_resources: TestResources = Field(default_factory=TestResources, description="limits of the tests")
    image_resources: ImageResources = Field(default_factory=ImageResources, description="limits of the image's build")
    storage: Storage | None = Field(
        default=None,
        description="where layers lie while an image is built; default the node's disk",
        examples=[{"memory": "1Gi"}],
    )

    @property
    def base_images_by_proxy(self) -> set[str]:
        """The registries of base images that are asked by the proxy, since nothing tells of an address of theirs."""
        if not self.proxy:
            return set()
        return {
            name
            for name, there in self.base_images.items()
            if is_public(urlsplit(there.url).hostname or "", there.addresses) and there.host != self.quarantine.host
        }
