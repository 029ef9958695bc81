"""All settings of a stack."""

from pydantic import Field

from components.settings.application import Application
from components.settings.build import Build
from components.settings.cluster import Cluster
from components.settings.defaults import Defaults
from components.settings.environment import Environment
from components.settings.forge import Forge
from components.settings.listener import Listener
from components.settings.mark import Mark
from components.settings.registry import ReadRegistry, Registry
from components.settings.types import Model, PemOrSource, TextOrSource


class Settings(Model):
    """All settings of a stack."""

    cluster: Cluster = Field(default_factory=Cluster, description="where the stack lives")
    forge: Forge = Field(
        description="where the repositories are",
        examples=[
            {
                "ssh": {
                    "privateKey": {"file": "secrets/id_ed25519"},
                    "knownHosts": {"file": "secrets/known_hosts"},
                },
                "token": {"file": "secrets/forge-token"},
            }
        ],
    )
    registry: Registry = Field(description="where the applications' images are")
    source_registry: ReadRegistry | None = Field(
        default=None,
        description="where the environment before this one keeps its images, if that is not `registry`: "
        "what is promoted is copied from there, unchanged and with its mark",
        examples=[{"host": "registry.staging.example"}],
    )
    mark: Mark = Field(
        description="the key pair by which one environment vouches for what the next one may run",
        examples=[{"publicKey": {"file": "mark.pub"}}],
    )
    build: Build | None = Field(default=None, description="needed where an environment delivers on pull-request")
    tools_image: TextOrSource = Field(
        description="the image that the Tasks run, by digest", examples=["registry.example/tools@sha256:<64 hex digits>"]
    )
    ca_bundle: PemOrSource | None = Field(
        default=None,
        description="the company's own certificate authorities (PEM, no secret), which the steps that speak TLS with the "
        "forge or a registry believe beside the well-known ones",
        examples=[{"file": "company-ca.pem"}],
    )
    listener: Listener = Field(default_factory=Listener, description="the stack's EventListener")
    defaults: Defaults = Field(
        default_factory=Defaults,
        description="what applications, or environments, have in common: mappings are merged key by key with an own value, "
        "others are replaced by it, and null takes a default away",
        examples=[{"applications": {"healthPath": "/healthz"}}],
    )
    environments: list[Environment] = Field(min_length=1, description="where applications run")
    applications: list[Application] = Field(min_length=1, description="what is delivered")

    @property
    def by_repository(self) -> dict[str, list[str]]:
        """Each repository, in small letters, and the names of its applications."""
        repositories: dict[str, list[str]] = {}
        for application in self.applications:
            repositories.setdefault(application.repository.lower(), []).append(application.name)
        return repositories

    @property
    def repository_ids(self) -> dict[str, int]:
        """Each repository that has to have a certain number on the forge, and the number."""
        return {known.repository: known.repository_id for known in self.applications if known.repository_id}
