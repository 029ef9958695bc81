"""The Tekton stack's configuration, checked before anything is fetched."""

import json
from pathlib import Path
from typing import Annotated, Any

import pulumi
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from tekton import versions

PREFIX = "tekton"


class SettingsError(Exception):
    """The configuration or what it names cannot be used; one line for each mistake."""


class Model(BaseModel):
    """Base of all settings: camelCase keys, nothing unknown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


def _no_plain_http(source: str) -> str:
    if source.startswith("http://"):
        raise ValueError("a path relative to the project, or an https URL")
    return source


class Manifest(Model):
    """A file of manifests, as its publisher made it."""

    source: Annotated[str, AfterValidator(_no_plain_http)] = Field(
        alias="from", description="path relative to the project, or an https URL", min_length=1
    )
    sha256: str = Field(description="checksum of that very file", pattern=r"^[0-9a-f]{64}$")


class Release(Model):
    """One of the two parts of Tekton."""

    version: str
    manifests: tuple[Manifest, ...] = Field(min_length=1)


class Pipelines(Release):
    """Tekton Pipelines."""

    version: Annotated[str, AfterValidator(versions.check_pipelines)]


class Triggers(Release):
    """Tekton Triggers; upstream keeps its interceptors in a second file."""

    version: Annotated[str, AfterValidator(versions.check_triggers)]


class Cluster(Model):
    """Where Tekton lives."""

    kubeconfig: str | None = None
    context: str | None = None

    @property
    def provider(self) -> dict[str, str]:
        """Arguments of the Kubernetes provider."""
        given = {"context": self.context, "kubeconfig": self.kubeconfig and str(Path(self.kubeconfig).expanduser())}
        return {name: value for name, value in given.items() if value}


class Controller(Model):
    """How much the controller of Pipelines does at once; upstream's own values delay runs as soon as several start."""

    threads: int = Field(default=8, ge=1, le=64)
    qps: int = Field(default=100, ge=1, le=1000, description="requests a second to the API server")
    burst: int = Field(default=100, ge=1, le=1000)


def _image(given: Any) -> Any:
    """Read an image's name from a file that holds nothing else, as the other stacks do."""
    if not isinstance(given, dict):
        return given
    if list(given) != ["file"] or not isinstance(given["file"], str):
        raise ValueError("the name of an image, or `{file: PATH}`")
    try:
        return Path(given["file"]).expanduser().read_text().strip()
    except OSError as error:
        raise ValueError(f"the name of an image, or a file with it; {error}") from error


class SeccompProfile(Model):
    """The seccomp profile for image builds, written on nodes."""

    image: Annotated[str, BeforeValidator(_image)] = Field(
        description="an image with `sh`, `cp` and `sleep`, by digest: `base` of `python -m images`, or busybox",
        pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$",
    )
    folder: str = Field(
        default="/var/lib/kubelet/seccomp",
        description="the kubelet's folder of profiles: `seccomp` below its `--root-dir`",
        pattern=r"^(/[\w-][\w.-]*)+/seccomp$",
    )
    node_selector: dict[str, str] = Field(default_factory=dict, description="labels of the nodes that build; default all")
    tolerations: tuple[dict[str, Any], ...] = Field(default=(), description="taints of such nodes that do not matter here")


class Settings(Model):
    """All settings of the stack."""

    cluster: Cluster = Field(default_factory=Cluster)
    pipelines: Pipelines
    triggers: Triggers
    images: str | None = Field(default=None, description="file: image in the manifests to the image to run instead")
    controller: Controller = Field(default_factory=Controller)
    seccomp_profile: SeccompProfile | None = Field(default=None, description="write the profile for image builds on nodes")
    adopt: bool = Field(default=False, description="take over a Tekton that is there already")
    protect: bool = Field(default=True, description="refuse to destroy the stack")

    @property
    def releases(self) -> tuple[Release, Release]:
        """Both parts."""
        return self.pipelines, self.triggers

    @property
    def image_names(self) -> dict[str, str]:
        """Image in the manifests to the image to run instead."""
        if self.images is None:
            return {}
        try:
            loaded: dict[str, str] = yaml.safe_load(Path(self.images).expanduser().read_text())
        except (OSError, yaml.YAMLError) as error:
            raise SettingsError(f"{PREFIX}:images = {self.images}: {error}; name a file of `image: image` lines") from error
        return loaded


def load() -> Settings:
    """Return the current stack's settings. Raises SettingsError with every mistake found."""
    config = pulumi.Config(PREFIX)
    names = [field.alias or name for name, field in Settings.model_fields.items()]
    raw = {name: _parsed(text) for name in names if (text := config.get(name))}
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {_place(found['loc'])}: must be {_allowed(found)}" for found in error.errors(include_url=False)]
        raise SettingsError("\n".join([f"Pulumi.{pulumi.get_stack()}.yaml cannot be used:", *lines])) from None


def _parsed(text: str) -> Any:
    """Return a value as its YAML had it: the engine hands objects over as JSON and all else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _place(location: tuple[int | str, ...]) -> str:
    first, *others = location
    return f"{PREFIX}:{first}" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in others)


def _allowed(found: Any) -> str:
    if found["type"] == "missing":
        return "given"
    if found["type"] == "extra_forbidden":
        return "removed, since no such key is known"
    return str(found["msg"]).removeprefix("Value error, ")
