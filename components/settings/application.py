"""What is delivered, and what runs beside its tests."""

from typing import Literal

from pydantic import Field

from components.conventions import NONROOT, seconds
from components.settings import places
from components.settings import types as form
from components.settings.before_rollout import BeforeRollout, longest
from components.settings.existing import Elsewhere
from components.settings.pod_template import PodTemplate
from components.settings.registry import User
from components.settings.services import Service
from components.settings.smoke import SmokeCheck
from components.settings.sources import SecretSource
from components.settings.tests import Tests
from components.settings.types import Model, TextOrSource
from components.settings.volumes import EnvFrom, Mount, Value

# One that nobody can ask is ready when it has run for so long: one that ends at its start never is.
STEADY_SECONDS = 10


class Requests(Model):
    """What an application's container is sure to get, and what autoscaling measures its CPU by."""

    cpu: form.Cpu = Field(default="10m", description="cores")
    memory: form.Memory = Field(default="16Mi", description="bytes")


class Resources(Model):
    """Limits of an application's container, and what it is sure to get of them."""

    cpu: form.Cpu = Field(default="500m", description="cores")
    memory: form.ContainerMemory = Field(default="256Mi", description="bytes")
    requests: Requests = Field(default_factory=Requests, description="what it is sure to get")


class Liveness(Model):
    """A container that does not answer here for 30 seconds is started anew."""

    path: places.HttpPath = Field(description="path of the probe", examples=["/livez"])


class Startup(Model):
    """Until the container answers here, the other probes wait; after the timeout it is started anew."""

    path: places.HttpPath = Field(description="path of the probe", examples=["/healthz"])
    timeout: form.Duration = Field(default="60s", description="how long it may take to start")


class Probes(Model):
    """How Kubernetes asks a container for its health, beside `healthPath`."""

    port: form.Port | None = Field(
        default=None,
        description="where probes are answered, if not on `port`; also given to it as $PROBES_PORT",
        examples=[8081],
    )
    liveness: Liveness | None = Field(default=None, description="starts a container anew that no longer answers")
    startup: Startup | None = Field(default=None, description="gives a container time to start")


# Several times what git needs for a file of any size, unless it is stored as the difference to another one.
FETCH_MEMORY = "256Mi"


class Fetch(Model):
    """What of the repository lies where tests run and the image is built."""

    depth: form.Depth = Field(
        default=1, description="how many commits of history; 0 for all of it, which `git describe` may need", examples=[0]
    )
    tags: bool = Field(default=False, description="also the tags of those commits", examples=[True])
    memory: form.FetchMemory = Field(
        default=FETCH_MEMORY,
        description="limit of the step that fetches; versions of a large file, which git keeps as differences, take more",
        examples=["1Gi"],
    )


class Origin(Model):
    """Where an application comes from: its name, and what of which repository it is."""

    name: form.ApplicationName = Field(
        description="also the image's; its Deployment is `<name>-pod`",
        examples=["shop"],
    )
    repository: form.RepositoryName = Field(description="the repository on the forge", examples=["acme/shop"])
    repository_id: form.RepositoryId | None = Field(
        default=None,
        description="the forge's number of the repository, `id` in its REST API: "
        "another one that takes its name starts nothing",
        examples=[12345678],
    )
    base_branch: form.Branch = Field(default="main", description="the branch to merge to")
    paths: list[places.PathInside] = Field(
        default_factory=list,
        description="what in the repository it is made of, where that is not all: a pull request or a merge that touches "
        "none of it rolls out nothing, and only what lies there has to be what was tested",
        examples=[["services/shop", "lib"]],
    )


class Container(Model):
    """How an application's container runs, the same in every environment."""

    command: list[form.Argument] = Field(
        default_factory=list,
        description="instead of the image's entrypoint; where the image has none, `args` alone says the same with one "
        "container less (docs/workloads.md)",
        examples=[["node", "worker.js"]],
    )
    args: list[form.Argument] = Field(
        default_factory=list,
        description="instead of the image's command",
        examples=[["celery", "--app", "shop", "worker"]],
    )
    port: form.PortOrNone = Field(
        default=8080,
        description="where the container listens; also given to it as $PORT; `none` for a worker (docs/workloads.md)",
    )
    health_path: places.HttpPath = Field(default="/", description="readiness probe's path; also given to it as $HEALTH_PATH")
    user: form.NodeUserId = Field(
        default=NONROOT,
        description="numeric user that it runs as, whatever the image says, and never root: that of an image with "
        "`USER node`, which may be the only one that can read its files, is `1000`",
        examples=[1000],
    )
    group: form.NodeUserId | None = Field(
        default=None, description="numeric group; default that with the user's number", examples=[1000]
    )
    termination_grace_period: form.Duration = Field(
        default="10s", description="how long it may go on after SIGTERM", examples=["2m"]
    )
    smoke_check: SmokeCheck | None = Field(
        default=None,
        description="a question to the application after each rollout; none by default",
        examples=[{"path": "/api/version"}],
    )
    probes: Probes = Field(default_factory=Probes, description="further probes")
    resources: Resources = Field(default_factory=Resources, description="limits of the container")
    volumes: list[Mount] = Field(
        default_factory=list,
        description="what the container finds beside its image",
        examples=[[{"mountPath": "/tmp", "emptyDir": {"sizeLimit": "1Gi"}}]],  # noqa: S108 # the container's
    )
    strategy: Literal["RollingUpdate", "Recreate"] = Field(
        default="RollingUpdate",
        description="`RollingUpdate`: what ran before serves until the new pod is ready; `Recreate`: it ends first, which a "
        "claim takes that only one pod can have. With a claim this has to be said",
        examples=["Recreate"],
    )
    env: dict[form.ArgumentName, Value] = Field(
        default_factory=dict,
        description="environment variables, the same everywhere; secrets are in `environments[].applications`",
        examples=[{"LOG_LEVEL": "info"}],
    )
    env_from: list[EnvFrom] = Field(
        default_factory=list,
        description="Secrets and ConfigMaps whose keys are environment variables, before those of `env`",
        examples=[[{"secretRef": {"name": "shop-settings"}}]],
    )
    pod_template: PodTemplate = Field(
        default_factory=PodTemplate,
        description="a patch of the pod template, for what there is no setting for",
        examples=[{"spec": {"nodeSelector": {"disk": "ssd"}}}],
    )

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens, by name; one port has one name."""
        probes = None if self.probes.port == self.port else self.probes.port
        return {name: port for name, port in (("http", self.port), ("probes", probes)) if port}

    @property
    def smoke_check_seconds(self) -> int:
        """How long a wrong answer to the smoke check is asked again; 0 without one."""
        return seconds(self.smoke_check.timeout) if self.smoke_check else 0


class Application(Container, Elsewhere, Origin):
    """A repository that becomes one image and one Deployment, or several."""

    workloads: dict[form.ShortName, Container] = Field(
        default_factory=dict,
        description="further Deployments of its image, `<name>-<key>-pod`: they go forward and back with its own "
        "(docs/workloads.md)",
        examples=[{"worker": {"args": ["celery", "--app", "shop", "worker"], "port": "none"}}],
    )
    before_rollout: BeforeRollout | None = Field(default=None, description="what has to succeed before each rollout")
    test_command: form.Command = Field(
        default="true",
        description="run by sh in the root of the repository, in the tools image; short for `tests.command`",
        examples=["./test.sh"],
    )
    tests: Tests | None = Field(
        default=None,
        description="how it is tested, where a command in the tools image is not all; in place of `testCommand`",
        examples=[{"image": "registry.example/node@sha256:<64 hex digits>", "command": "npm test"}],
    )
    fetch: Fetch = Field(
        default_factory=Fetch, description="what of its history tests and build see", examples=[{"depth": 0, "tags": True}]
    )
    services: dict[form.ShortName, Service] = Field(
        default_factory=dict,
        description="containers beside the tests, which reach them at localhost; they end with the tests' pod",
        examples=[{"db": {"image": "registry.example/postgres@sha256:<64 hex digits>", "ready": {"port": 5432}}}],
    )
    dockerfile: places.Dockerfile = Field(default="Dockerfile", description="path in the repository")
    context: places.RelativePath = Field(default=".", description="the build's context, a path in the repository")
    target: form.StageName | None = Field(
        default=None,
        description="the stage of the Dockerfile that becomes the image; default its last one",
        examples=["runtime"],
    )
    build_args: dict[form.ArgumentName, TextOrSource] = Field(
        default_factory=dict,
        description="build arguments; values are not secret",
        examples=[{"BASE": "registry.example/base:1"}],
    )
    build_secrets: dict[form.FileName, SecretSource] = Field(
        default_factory=dict,
        description="what tests and the image's build read in /run/secrets, a package registry's token for example; "
        "so does every pull request that is no fork's",
        examples=[{"npm-token": {"file": "secrets/npm-read-token"}}],
    )
    quarantine: User | None = Field(
        default=None,
        description="the user that pushes this application's builds to quarantine, with rights on its repository there "
        "alone; default `build.quarantine.write`, which pull requests of every application without one can take",
        examples=[{"username": "shop", "password": {"file": "secrets/quarantine-shop"}}],
    )

    @property
    def tested(self) -> Tests:
        """How it is tested, whichever setting says it."""
        return self.tests or Tests(command=self.test_command)

    @property
    def besides_seconds(self) -> int:
        """How long a rollout may take besides getting ready: what is to succeed before it, and the smoke check."""
        return longest(self.before_rollout) + self.smoke_check_seconds
