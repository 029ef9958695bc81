"""Typed stack configuration. The only reader of `pulumi.Config`; components take plain arguments.

Keys are camelCase in `Pulumi.<stack>.yaml`. Every key is checked before anything is created; an error names the key's
path, the value, what is allowed and how to mend it. Unknown keys are errors.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pulumi
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from components.settings_errors import SettingsError, describe

Reader = Callable[[str], str]

# A PipelineRun is named application-environment-number-sha8-timestamp14 and must fit a label value of 63 characters;
# with pull request numbers of up to 7 digits, 30 characters are left for application and environment together.
NAMES_TOGETHER = 30


def _image_by_digest(value: str) -> str:
    if not re.fullmatch(r"[\w.:/-]+@sha256:[0-9a-f]{64}", value.strip()):
        raise ValueError("an image is named by its digest: host/path@sha256:<64 hex digits>")
    return value.strip()


DnsLabel = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=40)]
RepositoryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
NodePort = Annotated[int, Field(ge=30000, le=32767)]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]*(s|m|h)$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi)?$")]
Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+(/\S*[^/\s])?$")]
SshUrl = Annotated[str, Field(pattern=r"^ssh://[^@/\s]+@[^/\s]+$")]
RelativePath = Annotated[str, Field(pattern=r"^(\.|\.?[\w-][\w.-]*(/\.?[\w-][\w.-]*)*)$")]


class Model(BaseModel):
    """Base of all settings: camelCase keys, nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Source(Model):
    """Where a text comes from: a file (relative to the project) or a secret of the stack's own configuration."""

    file: str | None = Field(default=None, description="path of a file, relative to the project")
    config: str | None = Field(default=None, description="name of a key set with `pulumi config set --secret`")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.config is None):
            raise ValueError("give either `file` or `config`")
        return self


class Cluster(Model):
    """The cluster of a stack. Without `kubeconfig` the usual one applies ($KUBECONFIG, ~/.kube/config, in-cluster)."""

    kubeconfig: str | None = Field(default=None, description="path of a kubeconfig file, relative to the project")
    context: str | None = Field(default=None, description="a context of that kubeconfig; default its current one")


class Forge(Model):
    """Where the repositories are."""

    kind: Literal["github", "gitea"] = Field(default="github", description="`github` or `gitea`")
    api_url: Url = Field(default="https://api.github.com", description="base URL of the REST API")
    token: Source = Field(description="a token that may write commit statuses")


class Credential(Model):
    """A user of a registry."""

    username: str = Field(min_length=1, description="name of the user")
    password: Source = Field(description="its password or token")


class Registry(Model):
    """An OCI registry, and who reads and writes there. Without `read` its images are pulled anonymously."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$")] = Field(description="host[:port]")
    path: Annotated[str, Field(pattern=r"^[a-z0-9._/-]*$")] = Field(default="", description="path before image names")
    insecure: bool = Field(default=False, description="true for a registry without TLS")
    read: Credential | None = Field(default=None, description="the user that pulls")
    write: Credential | None = Field(default=None, description="the user that pushes")

    def image(self, name: str) -> str:
        """Return the repository of an image here, e.g. `registry.internal:5000/chespirito`."""
        return "/".join(part for part in (self.host, self.path.strip("/"), name) if part)


class Ssh(Model):
    """How pull requests are fetched."""

    url: SshUrl = Field(default="ssh://git@github.com", description="ssh://user@host[:port] of the forge")
    private_key: Source = Field(description="a read-only deploy key")
    known_hosts: Source = Field(description="the forge's host keys, in known_hosts form")


class Build(Model):
    """How images are built from pull requests."""

    ssh: Ssh = Field(description="how pull requests are fetched")
    quarantine: Registry = Field(description="the only registry that pods with pull-request code can write to")
    seccomp_profile: str | None = Field(
        default=None, description="a Localhost seccomp profile that lets buildah unshare; default Unconfined"
    )
    timeout: Duration = Field(default="20m", description="for fetch, tests and image together")


class Environment(Model):
    """Where applications run, and what brings them there."""

    name: Annotated[DnsLabel, Field(max_length=20)] = Field(description="also the workload namespace's name")
    deliver_on: Literal["pull-request", "merge"] = Field(
        description="`pull-request`: build and roll out when one is opened or updated; `merge`: promote when merged"
    )
    rollout_timeout: Duration = Field(default="5m", description="how long a rollout may take to get ready")
    replicas: int = Field(default=1, ge=0, le=100, description="pods of each application")
    node_ports: dict[str, NodePort] = Field(
        default_factory=dict, description="applications that are exposed on a port of every node (30000-32767)"
    )
    max_pods: int = Field(default=20, ge=1, description="quota of the workload namespace and of the delivery namespace")

    @property
    def delivery_namespace(self) -> str:
        """The namespace of this environment's listener and runs, e.g. `staging-ci`."""
        return f"{self.name}-ci"


class Resources(Model):
    """Limits of an application's container."""

    cpu: Quantity = Field(default="500m", description="cores, e.g. 500m")
    memory: Quantity = Field(default="256Mi", description="bytes, e.g. 256Mi")


class Application(Model):
    """A repository that becomes one image and one Deployment."""

    name: DnsLabel = Field(description="also the image's name; its Deployment is `<name>-pod`")
    repository: RepositoryName = Field(description="owner/name on the forge")
    base_branch: Annotated[str, Field(pattern=r"^[\w./-]+$")] = Field(default="main", description="the branch to merge to")
    port: Port = Field(default=8080, description="where the container listens; also given to it as $PORT")
    health_path: Annotated[str, Field(pattern=r"^/[\w./-]*$")] = Field(default="/", description="readiness probe's path")
    resources: Resources = Field(default_factory=Resources, description="limits of the container")
    test_command: str = Field(default="true", min_length=1, description="run by sh in the root of the repository")
    dockerfile: RelativePath = Field(default="Dockerfile", description="path in the repository")
    context: RelativePath = Field(default=".", description="the build's context, a path in the repository")
    build_args: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], str | Source] = Field(
        default_factory=dict, description="build arguments; values are not secret"
    )


class Listener(Model):
    """The stack's one EventListener."""

    name: Annotated[DnsLabel, Field(max_length=60)] = Field(default="github-el", description="its Service is `el-<name>`")


class Settings(Model):
    """All settings of a stack."""

    cluster: Cluster = Field(default_factory=Cluster, description="where the stack lives")
    forge: Forge = Field(description="where the repositories are")
    registry: Registry = Field(description="where the applications' images are")
    build: Build | None = Field(default=None, description="needed where an environment delivers on pull-request")
    tools_image: str | Source = Field(description="the image that the Tasks run, by digest")
    listener: Listener = Field(default_factory=Listener, description="the stack's EventListener")
    environments: list[Environment] = Field(min_length=1, description="at least one")
    applications: list[Application] = Field(min_length=1, description="at least one")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _unique("environments", [environment.name for environment in self.environments])
        _unique("environments' deliverOn", [environment.deliver_on for environment in self.environments])
        _unique("applications", [application.name for application in self.applications])
        _unique("applications' repository", [application.repository for application in self.applications])
        applications = {application.name for application in self.applications}
        for environment in self.environments:
            if environment.deliver_on == "pull-request" and self.build is None:
                raise ValueError(f"environment {environment.name!r} delivers on pull-request: add the key `build`")
            for name in sorted(set(environment.node_ports) - applications):
                raise ValueError(f"environment {environment.name!r} has a nodePort for {name!r}, which is no application")
            for name in sorted(applications):
                if len(name) + len(environment.name) > NAMES_TOGETHER:
                    raise ValueError(
                        f"application {name!r} and environment {environment.name!r} together exceed "
                        f"{NAMES_TOGETHER} characters, and their runs' names a label's 63: shorten one"
                    )
        return self


def _unique(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what}: {value!r} is there {values.count(value)} times and must be unique")


class Stack:
    """The loaded settings, with their sources resolved to texts and secrets."""

    def __init__(self, settings: Settings, config: pulumi.Config, read: Reader) -> None:
        self.settings = settings
        self._config = config
        self._read = read

    @classmethod
    def load(cls, read: Reader | None = None) -> "Stack":
        """Load the current stack's configuration. Raises SettingsError with every mistake found.

        `read` returns a file's text by its path as it stands in the settings; by default the project's own files.
        """
        config = pulumi.Config()
        raw: dict[str, Any] = {}
        for name, field in Settings.model_fields.items():
            alias = field.alias or name
            raw[alias] = _parsed(config, alias)
        try:
            settings = Settings.model_validate({name: value for name, value in raw.items() if value is not None})
        except ValidationError as error:
            raise SettingsError(describe(error, Settings, pulumi.get_stack())) from None
        return cls(settings, config, read or _read_file)

    def text(self, value: str | Source) -> str:
        """Return a value that is no secret."""
        if isinstance(value, str):
            return value
        return self._read(value.file).strip() if value.file else self._config.require(value.config or "")

    def secret(self, source: Source) -> pulumi.Output[str]:
        """Return a value that stays secret in state, logs and outputs."""
        if source.file:
            return pulumi.Output.secret(self._read(source.file))
        return self._config.require_secret(source.config or "")

    @property
    def tools_image(self) -> str:
        """The tools image by digest. Raises SettingsError for one without."""
        try:
            return _image_by_digest(self.text(self.settings.tools_image))
        except ValueError as error:
            raise SettingsError(f"toolsImage: {error}") from None


def _parsed(config: pulumi.Config, name: str) -> Any:
    text = config.get(name)
    if text is None or not text.lstrip().startswith(("{", "[")):
        return text
    return config.require_object(name)


def _read_file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except OSError as error:
        raise SettingsError(
            f"{path}: {error.strerror}. The stack's settings name this file: make it (for the embedded cluster, "
            "`make up` does), or name another source."
        ) from None
