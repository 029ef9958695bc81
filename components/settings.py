"""Typed stack configuration. The only reader of `pulumi.Config`; components take plain arguments.

Keys are camelCase in `Pulumi.<stack>.yaml`. Every key is checked before anything is created; an error names the key's
path, the value, what is allowed and how to mend it. Unknown keys are errors.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pulumi
from pulumi.runtime.config import CONFIG
from pydantic import BaseModel, Field, ValidationError

from components import settings_types as form
from components.settings_checks import inconsistencies
from components.settings_errors import PREFIX, Location, describe, path, refusal, unknown
from components.settings_types import Model, Source, TextOrSource

Reader = Callable[[str], str]


class Cluster(Model):
    """The cluster of a stack. Without `kubeconfig` the usual one applies ($KUBECONFIG, ~/.kube/config, in-cluster)."""

    kubeconfig: str | None = Field(default=None, description="path of a kubeconfig file, relative to the project")
    context: str | None = Field(default=None, description="a context of that kubeconfig; default its current one")


class Ssh(Model):
    """How commits are fetched."""

    url: form.SshUrl = Field(default="ssh://git@github.com", description="where the forge answers git")
    private_key: Source = Field(description="a read-only deploy key", examples=[{"file": "secrets/id_ed25519"}])
    known_hosts: Source = Field(
        description="the forge's host keys, in known_hosts form", examples=[{"file": "secrets/known_hosts"}]
    )


class Forge(Model):
    """Where the repositories are."""

    kind: Literal["github", "gitea"] = Field(default="github", description="the forge's software")
    api_url: form.Url = Field(default="https://api.github.com", description="base URL of the REST API")
    ssh: Ssh = Field(description="how commits are fetched")
    token: Source = Field(description="a token that may write commit statuses", examples=[{"file": "secrets/forge-token"}])


class Credential(Model):
    """A user of a registry."""

    username: str = Field(min_length=1, description="name of the user", examples=["deployer"])
    password: Source = Field(description="its password or token", examples=[{"file": "secrets/registry-password"}])


class Registry(Model):
    """An OCI registry, and who reads and writes there. Without `read` its images are pulled anonymously."""

    host: form.Host = Field(description="where the registry answers", examples=["ghcr.io"])
    path: form.ImagePath = Field(default="", description="path before image names", examples=["acme"])
    insecure: bool = Field(default=False, description="true for a registry without TLS")
    read: Credential | None = Field(default=None, description="the user that pulls")
    write: Credential | None = Field(default=None, description="the user that pushes")

    @property
    def url(self) -> str:
        """Where the registry answers, e.g. `http://registry.internal:5000`."""
        return f"{'http' if self.insecure else 'https'}://{self.host}"

    def image(self, name: str) -> str:
        """Return the repository of an image here, e.g. `registry.internal:5000/chespirito`."""
        return "/".join(part for part in (self.host, self.path.strip("/"), name) if part)


class Mark(Model):
    """The key pair by which one environment vouches for an image and the next one believes it."""

    public_key: Source | None = Field(
        default=None, description="needed where an environment delivers on merge", examples=[{"file": "mark.pub"}]
    )
    private_key: Source | None = Field(
        default=None,
        description="needed where an environment delivers on pull-request",
        examples=[{"file": "secrets/mark.key"}],
    )
    password: Source | None = Field(
        default=None, description="opens the private key", examples=[{"file": "secrets/mark-password"}]
    )
    timeout: form.Duration = Field(default="10m", description="how long a merge waits for a mark that is not there yet")


class Build(Model):
    """How images are built from pull requests."""

    quarantine: Registry = Field(description="the only registry that pods with pull-request code can write to")
    seccomp_profile: str | None = Field(
        default=None, description="a Localhost seccomp profile that lets buildah unshare; default Unconfined"
    )
    timeout: form.Duration = Field(default="20m", description="for fetch, tests and image together")


class Environment(Model):
    """Where applications run, and what brings them there."""

    name: form.ShortName = Field(description="also the workload namespace's name", examples=["staging"])
    deliver_on: Literal["pull-request", "merge"] = Field(
        description="`pull-request`: build and roll out when one is opened or updated; `merge`: promote when merged",
        examples=["merge"],
    )
    promotes_from: form.ShortName = Field(
        default="staging", description="where it delivers on merge: the environment whose mark it demands"
    )
    rollout_timeout: form.Duration = Field(default="5m", description="how long a rollout may take to get ready")
    replicas: form.Replicas = Field(default=1, description="pods of each application")
    node_ports: dict[str, form.NodePort] = Field(
        default_factory=dict,
        description="applications that are exposed on a port of every node",
        examples=[{"shop": 30080}],
    )
    max_pods: form.Pods = Field(default=20, description="quota of the workload namespace and of the delivery namespace")

    @property
    def delivery_namespace(self) -> str:
        """The namespace of this environment's listener and runs, e.g. `staging-ci`."""
        return f"{self.name}-ci"


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


class Listener(Model):
    """The stack's one EventListener."""

    name: form.Name = Field(default="github-el", description="its Service is `el-<name>`")


class Settings(Model):
    """All settings of a stack."""

    cluster: Cluster = Field(default_factory=Cluster, description="where the stack lives")
    forge: Forge = Field(description="where the repositories are")
    registry: Registry = Field(description="where the applications' images are")
    mark: Mark = Field(
        description="the key pair by which staging vouches for what production may run",
        examples=[{"publicKey": {"file": "mark.pub"}}],
    )
    build: Build | None = Field(default=None, description="needed where an environment delivers on pull-request")
    tools_image: TextOrSource = Field(
        description="the image that the Tasks run, by digest", examples=["registry.example/tools@sha256:<64 hex digits>"]
    )
    listener: Listener = Field(default_factory=Listener, description="the stack's EventListener")
    environments: list[Environment] = Field(min_length=1, description="where applications run")
    applications: list[Application] = Field(min_length=1, description="what is delivered")


class Stack:
    """The loaded settings, with their sources resolved to texts and secrets."""

    def __init__(self, settings: Settings, texts: Mapping[Source, str]) -> None:
        self.settings = settings
        self._texts = texts

    @classmethod
    def load(cls, read: Reader | None = None) -> "Stack":
        """Load the current stack's configuration. Raises SettingsError with every mistake found.

        `read` returns a file's text by its path as it stands in the settings; by default the project's own files.
        """
        config = pulumi.Config()
        known = [field.alias or name for name, field in Settings.model_fields.items()]
        raw = {name: value for name in known if (value := _parsed(config.get(name))) is not None}
        mistakes = list(_unknown_keys(known, raw))
        try:
            settings = Settings.model_validate(raw)
        except ValidationError as error:
            raise refusal(pulumi.get_stack(), [*mistakes, *describe(error, Settings)]) from None
        texts: dict[Source, str] = {}
        for location, source in _sources(settings, ()):
            try:
                texts[source] = _content(source, config, read or _read_file)
            except (OSError, ValueError, LookupError) as error:
                mistakes.append(_unusable(location, source, error))
        mistakes += inconsistencies(settings)
        stack = cls(settings, texts)
        if not mistakes and not form.IMAGE_BY_DIGEST.fullmatch(stack.tools_image):
            mistakes.append(
                f"{path(('toolsImage',))} = {json.dumps(stack.tools_image[:200])}: must be named by its digest, e.g. "
                f"`{PREFIX}:toolsImage: registry.example/tools@sha256:<64 hex digits>` (a tag can be moved)"
            )
        if mistakes:
            raise refusal(pulumi.get_stack(), mistakes)
        return stack

    def text(self, value: str | Source) -> str:
        """Return a value that is no secret."""
        return value if isinstance(value, str) else self._texts[value].strip()

    def secret(self, source: Source) -> pulumi.Output[str]:
        """Return a value that stays secret in state, logs and outputs."""
        return pulumi.Output.secret(self._texts[source])

    @property
    def tools_image(self) -> str:
        """The tools image, by digest."""
        return self.text(self.settings.tools_image)


def _parsed(text: str | None) -> Any:
    """Return a key's value. The engine hands objects over as JSON, and an empty key as an empty text or `null`."""
    if text is None or text in ("", "null"):
        return None
    try:
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else text
    except ValueError:
        return text


def _unknown_keys(known: list[str], raw: Any) -> Iterator[str]:
    """Yield a line for each key of the project that is neither a setting nor named by a `config` source."""
    named = set(_config_keys(raw))
    for key in CONFIG.get():
        namespace, _, name = key.partition(":")
        if namespace == PREFIX and name not in known and name not in named:
            yield unknown((name,), known)


def _config_keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("config"), str):
            yield value["config"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _config_keys(item)


def _sources(value: Any, location: Location) -> Iterator[tuple[Location, Source]]:
    """Yield every source in the settings, with its place."""
    if isinstance(value, Source):
        yield location, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _sources(getattr(value, name), (*location, field.alias or name))
    elif isinstance(value, list | dict):
        for part, item in enumerate(value) if isinstance(value, list) else value.items():
            yield from _sources(item, (*location, part))


def _content(source: Source, config: pulumi.Config, read: Reader) -> str:
    text = read(source.file) if source.file else config.get(source.config or "")
    if text is None:
        raise LookupError("no such key")
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _unusable(location: Location, source: Source, error: Exception) -> str:
    place = f"{path(location)}.{'file' if source.file else 'config'} = {json.dumps(source.file or source.config)}"
    if source.config:
        return f"{place}: {error}; set it with `pulumi config set --secret {source.config}`"
    reason = error.strerror if isinstance(error, OSError) else "it is no text" if isinstance(error, UnicodeError) else error
    return f"{place}: {reason}; make the file (`make up` makes those of the embedded cluster) or name another source"


def _read_file(path: str) -> str:
    return Path(path).expanduser().read_text()
