"""What a stack needs, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.settings.cluster import Cluster

Manifest = dict[str, Any]
PULL, PUSH, DELETE = "pull", "push", "delete"
EVERYTHING = (PULL, PUSH, DELETE)
# Stands for a secret that cannot be read: nobody's password, and no file's content.
UNREAD = "tekton-delivery-unread"


@dataclass(frozen=True)
class Login:
    """A user of a registry."""

    setting: str
    """Where it stands in the settings, e.g. `registry.read`."""
    username: str
    password: str | None = field(repr=False)
    """None where it cannot be read."""


@dataclass(frozen=True)
class Right:
    """What a user may do in a repository, and what not: the table in docs/real-clusters.md."""

    login: Login | None
    """None for everybody."""
    url: str
    """Of the registry, e.g. `https://ghcr.io`."""
    repository: str
    """Without the registry, e.g. `acme/shop`; empty where no setting tells which."""
    needs: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    """What is a hole. Anything that is neither is more than it needs."""


@dataclass(frozen=True)
class Image:
    """An image that has to be there."""

    setting: str
    reference: str
    url: str
    login: Login | None


@dataclass(frozen=True)
class Repository:
    """A repository on the forge."""

    name: str
    id: int | None
    branches: tuple[str, ...]


@dataclass(frozen=True)
class App:
    """A GitHub App's installation, and what it has to be granted."""

    id: str
    installation: str
    key: str | None = field(repr=False)
    rights: Mapping[str, str]
    installations: Mapping[str, str] = field(default_factory=dict)
    """Of other owners, by their names in small letters."""

    def installation_of(self, repository: str) -> str:
        """Return the installation where a repository is."""
        return self.installations.get(repository.partition("/")[0].lower(), self.installation)


@dataclass(frozen=True)
class Forge:
    """How the forge is talked to; secrets are None where there are none or they cannot be read."""

    kind: str
    api_url: str
    git_url: str
    repositories: tuple[Repository, ...]
    token: str | None = field(repr=False)
    app: App | None
    reads_comments: bool
    """Whether `okToTest` asks who may write."""
    reader: str | None = field(repr=False)
    """Its own token."""
    key: str | None = field(repr=False)
    known_hosts: str | None
    git_user: str
    git_token: str | None = field(repr=False)
    fetches_by_app: bool = field(default=False, kw_only=True)
    """Whether tokens of the App are what git fetches with."""
    own: Mapping[str, tuple[str, str | None]] = field(default_factory=dict, repr=False, kw_only=True)
    """What opens single repositories in place of `key` or `git_token`, by their names: its setting, and its value."""
    unread: tuple[str, ...]
    """The settings of the secrets that are there and cannot be read."""


@dataclass(frozen=True)
class Listener:
    """What receives webhooks."""

    name: str
    namespace: str
    address: str
    exposed: bool
    comments: bool
    pushes: bool
    secret: str
    """The Secret by which webhooks are signed."""


@dataclass(frozen=True)
class Existing:
    """A namespace that somebody else made, and the Pod Security levels that it may have."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """A Secret of the delivery namespace that a setting names, and that is not the stack's own."""

    place: tuple[str | int, ...]
    """Where the setting is that it stands for, e.g. `forge`, `token`."""
    secret: str
    key: str = ""
    """Empty for one with logins of registries."""
    host: str = ""
    """The registry whose login is in it."""


@dataclass(frozen=True)
class Needs:
    """Everything that a stack needs."""

    stack: str
    kubeconfig: str | None
    context: str | None
    cluster: Cluster
    """Where it has its API server, its name service and Tekton."""
    objects: tuple[Manifest, ...] = field(repr=False)
    """What it declares, with the secrets that could be read."""
    builds: bool
    process_sandbox: bool
    tools_image: str
    ca_bundle: str
    rights: tuple[Right, ...]
    images: tuple[Image, ...]
    destinations: Mapping[str, str]
    """What runs reach, by the end of the policy's name that opens it (`runs-to-forge-git`): its URL."""
    forge: Forge
    listener: Listener
    existing: tuple[Existing, ...]
    named: tuple[Named, ...] = ()
    configuration: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What all of this was read from, with the secrets that could be read,"""
    secret: tuple[str, ...] = ()
    """and which of it is secret."""

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Return what it declares of some kinds."""
        return [each for each in self.objects if each["kind"] in kinds]
