"""What pods hold to get in somewhere: the one place that says of each credential its volume, its Secret and what it opens.

A Task mounts it, `credentials` declares its Secret, `network` opens what it leads to, the steps that mount it trust the
stack's own authorities there, and admission keeps it from other steps of a pod with pull-request code.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from components.conventions import PULL_SECRET, Manifest

# The key of a registry's Secret, and the file that clients look for.
DOCKER_KEY, DOCKER_FILE = ".dockerconfigjson", "config.json"

Place = Literal["api-server", "base-images", "forge-api", "forge-git", "quarantine", "registry", "source"]


@dataclass(frozen=True, kw_only=True)
class KeyOfSecret:
    """Where a value is that is somebody else's: a Secret that is there already, and what of it."""

    secret: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A Secret that steps mount."""

    name: str
    """What Tasks call its volume or, of git's, its workspace."""
    secret: str = ""
    """The Secret's name; by default the same."""
    kind: str = "Opaque"
    """The Secret's type."""
    opens: tuple[Place, ...]
    """Where it gets in, which is where its pods get at all."""
    untrusted_steps: tuple[str, ...] = ()
    """The steps that may mount it where pull-request code runs."""
    for_applications: bool = False
    """Whether the pods of applications have it too."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "secret", self.secret or self.name)

    def of(self, application: str) -> "Credential":
        """Return the one that an application has for itself, in the same place, e.g. `shop-quarantine-push`."""
        return replace(self, secret=f"{application}-{self.name}")

    def drawn(self, held: Mapping[str, "KeyOfSecret"], own: Collection[str] = ()) -> Manifest:
        """Return its volume with files of Secrets that are there already; `own` are those of the Secret declared here."""
        if not own and len({each.secret for each in held.values()}) == 1:
            items = [{"key": each.key, "path": file} for file, each in held.items()]
            return {"name": self.name, "secret": {"secretName": next(iter(held.values())).secret, "items": items}}
        files = {file: KeyOfSecret(secret=self.secret, key=file) for file in own} | dict(held)
        return {"name": self.name, "projected": {"sources": [_projected(file, each) for file, each in files.items()]}}

    def volume(self) -> Manifest:
        """Return its volume; of a registry's, with the file that clients look for."""
        items = {"items": [{"key": DOCKER_KEY, "path": DOCKER_FILE}]} if self.kind == DOCKER else {}
        return {"name": self.name, "secret": {"secretName": self.secret} | items}

    def mount(self, path: str) -> Manifest:
        """Return its mount, for the one step that uses it."""
        return {"name": self.name, "mountPath": path, "readOnly": True}


def secrets_of(volume: Manifest) -> set[str]:
    """Return the Secrets that a volume, or a workspace, has files of."""
    if "projected" in volume:
        return {source["secret"]["name"] for source in volume["projected"]["sources"]}
    return {volume["secret"]["secretName"]}


def _projected(file: str, held: KeyOfSecret) -> Manifest:
    return {"secret": {"name": held.secret, "items": [{"key": held.key, "path": file}]}}


DOCKER = "kubernetes.io/dockerconfigjson"

SSH_DIRECTORY = Credential(
    name="ssh-directory", kind="kubernetes.io/ssh-auth", opens=("forge-git",), untrusted_steps=("fetch",)
)
KNOWN_HOSTS = Credential(name="known-hosts", opens=("forge-git",), untrusted_steps=("fetch",))
BASIC_AUTH = Credential(name="basic-auth", opens=("forge-git",), untrusted_steps=("fetch",))
FORGE_TOKEN = Credential(name="forge-token", opens=("forge-api",))
FORGE_READER = Credential(name="forge-reader", opens=("forge-api",))
FORGE_APP = Credential(name="forge-app", opens=("forge-api",))
REGISTRY_PULL = Credential(name=PULL_SECRET, kind=DOCKER, opens=("registry",), for_applications=True)
# Of two users of one host the last one counts, so that these read quarantine as well.
REGISTRY_PUSH = Credential(name="registry-push", kind=DOCKER, opens=("registry", "quarantine"))
REGISTRY_DELETE = Credential(name="registry-delete", kind=DOCKER, opens=("registry", "quarantine"))
SOURCE_PULL = Credential(name="source-pull", kind=DOCKER, opens=("source",))
# What a client of registries looks for is one file: it has the logins for base images, too.
QUARANTINE_PUSH = Credential(
    name="quarantine-push", kind=DOCKER, opens=("quarantine", "base-images"), untrusted_steps=("image",)
)
MARK_SIGNING = Credential(name="mark-signing", opens=())
# What they open lies outside, where pull-request code gets by the proxy.
BUILD_SECRETS = Credential(name="build-secrets", opens=(), untrusted_steps=("test", "image"))
# Fingerprints of what pods with pull-request code hold, by which it is hidden in what is quoted of their logs.
LOG_MASKS = Credential(name="log-masks", opens=())
LOG_MASKS_KEY = "masks"
# No Secret: a token of the pod's own (`api_token` in `components/tasks/step.py`).
KUBERNETES_API = Credential(name="kubernetes-api", opens=("api-server",))

BY_VOLUME = {each.name: each for each in tuple(globals().values()) if isinstance(each, Credential)}
