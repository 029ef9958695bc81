"""Where applications run, who has to approve what they get, and what differs for single ones."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.conventions import delivery_namespace
from components.settings import types as form
from components.settings.application import Resources
from components.settings.exposure import Exposure
from components.settings.mark import EnvironmentMark
from components.settings.pod_template import PodTemplate
from components.settings.types import Model, Source
from components.settings.volumes import EnvFrom, Value


class Approval(Model):
    """People who approve a digest by name, as the cluster knows them."""

    users: list[form.Who] = Field(
        default_factory=list, description="user names, as `kubectl auth whoami` shows them", examples=[["ana@example.com"]]
    )
    groups: list[form.Who] = Field(default_factory=list, description="groups of the cluster", examples=[["releasers"]])
    count: form.Count = Field(default=1, description="how many different people it takes")
    timeout: form.Duration = Field(default="30m", description="how long a merge waits for them")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.users and not self.groups:
            raise ValueError("a mapping with `users`, `groups` or both: somebody has to approve")
        if not self.groups and len(set(self.users)) < self.count:
            raise ValueError(f"a mapping whose `count` is at most the number of its users, {len(set(self.users))}")
        return self


class Autoscaling(Model):
    """A HorizontalPodAutoscaler; it needs the cluster's metrics API."""

    min: form.Pods = Field(description="fewest pods", examples=[2])
    max: form.Pods = Field(description="most pods", examples=[10])
    cpu: form.Percent = Field(default=80, description="per cent of the CPU that a pod requests, on average")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError("a mapping whose `min` is not above its `max`")
        return self


class Secrets(Model):
    """Values that only the application's pods see. A changed one rolls them."""

    env: dict[form.ArgumentName, Source] = Field(
        default_factory=dict,
        description="environment variables",
        examples=[{"DATABASE_URL": {"config": "shopDatabaseUrl"}}],
    )
    files: dict[form.FileName, Source] = Field(
        default_factory=dict,
        description="files in /run/secrets",
        examples=[{"license.key": {"file": "secrets/license.key"}}],
    )


class RequestsHere(Model):
    """What of an application's `resources.requests` is otherwise in this environment."""

    cpu: form.Cpu | None = Field(default=None, description="cores", examples=["100m"])
    memory: form.Memory | None = Field(default=None, description="bytes", examples=["256Mi"])


class ResourcesHere(Model):
    """What of an application's `resources` is otherwise in this environment."""

    cpu: form.Cpu | None = Field(default=None, description="cores, in place of the application's", examples=["2"])
    memory: form.Memory | None = Field(default=None, description="bytes, in place of the application's", examples=["1Gi"])
    requests: RequestsHere = Field(default_factory=RequestsHere, description="what it is sure to get here")


class Pods(Model):
    """How many pods of a workload there are in this environment, and what they are given."""

    replicas: form.Replicas | None = Field(
        default=None, description="pods of this application instead of the environment's `replicas`", examples=[3]
    )
    autoscaling: Autoscaling | None = Field(
        default=None, description="as many pods as the load takes, instead of `replicas`"
    )
    env: dict[form.ArgumentName, Value] = Field(
        default_factory=dict,
        description="environment variables, beside those of the application and before them",
        examples=[{"LOG_LEVEL": "debug"}],
    )
    env_from: list[EnvFrom] = Field(
        default_factory=list,
        description="Secrets and ConfigMaps whose keys are environment variables, beside those of the application and "
        "before them",
        examples=[[{"configMapRef": {"name": "shop-settings"}}]],
    )
    resources: ResourcesHere = Field(
        default_factory=ResourcesHere, description="limits and requests that are others here than the application's"
    )
    pod_template: PodTemplate = Field(
        default_factory=PodTemplate,
        description="a patch of the pod template, after that of the application",
        examples=[{"spec": {"nodeSelector": {"disk": "ssd"}}}],
    )

    def resources_of(self, application: Resources) -> Resources:
        """Return an application's resources as they are here."""
        here = self.resources.model_dump(exclude_none=True)
        requests = application.requests.model_copy(update=here.pop("requests"))
        return application.model_copy(update=here | {"requests": requests})


class Workload(Pods):
    """An application in this environment."""

    secrets: Secrets = Field(
        default_factory=Secrets, description="values that only its pods see, those of its `workloads` too"
    )
    host: form.HostName | None = Field(
        default=None,
        description="its host name outside the cluster, by the environment's `exposure`",
        examples=["shop.example"],
    )
    workloads: dict[form.ShortName, Pods] = Field(
        default_factory=dict,
        description="how its further `workloads` run here",
        examples=[{"worker": {"replicas": 2}}],
    )


class Namespace(Model):
    """A namespace that is called otherwise, or is somebody else's."""

    name: form.NamespaceName = Field(description="its name", examples=["shop-prod"])
    existing: bool = Field(
        default=False,
        description="whether it is there already: it is read, and neither made, changed nor deleted (docs/namespaces.md)",
        examples=[True],
    )


class Namespaces(Model):
    """Where an environment is on the cluster."""

    workload: Namespace | None = Field(
        default=None, description="where its applications run; default its own, called as the environment"
    )
    delivery: Namespace | None = Field(
        default=None, description="where its listener and its runs are; default its own, `<environment>-ci`"
    )


class Environment(Model):
    """Where applications run, and what brings them there."""

    name: form.EnvironmentName = Field(
        description="also the workload namespace's name, unless `namespaces` has another one", examples=["staging"]
    )
    namespaces: Namespaces = Field(
        default_factory=Namespaces, description="namespaces that are called otherwise, or are there already"
    )
    deliver_on: Literal["pull-request", "merge"] = Field(
        description="`pull-request`: build and roll out when one is opened or updated; `merge`: promote when merged",
        examples=["merge"],
    )
    promotes_from: form.EnvironmentName = Field(
        default="staging",
        description="where it delivers on merge: the environment whose mark it demands, here or in another stack: one that "
        "delivers on pull-request, or on merge with a `mark.privateKey` of its own; several may promote from one",
    )
    mark: EnvironmentMark = Field(
        default_factory=EnvironmentMark,
        description="in a chain of environments: by what it vouches where it delivers on merge, and whom it believes",
    )
    stale_base: Literal["refuse", "rebuild"] = Field(
        default="refuse",
        description="what becomes of a merge after the base branch had moved, so that nobody tested what it made: `refuse` "
        "it, or `rebuild` it where pull requests are delivered and wait for that where merges are (both say the same)",
    )
    rollout_timeout: form.Duration = Field(default="5m", description="how long a rollout may take to get ready")
    replicas: form.Replicas = Field(default=1, description="pods of each application, and of each of its `workloads`")
    node_ports: dict[str, form.NodePort] = Field(
        default_factory=dict,
        description="applications that are exposed on a port of every node",
        examples=[{"shop": 30080}],
    )
    frozen: form.Reason | None = Field(
        default=None,
        description="why nothing is rolled out for now; `python -m operate freeze` does it without `pulumi up`",
        examples=["stock-taking until Monday"],
    )
    approval: Approval | None = Field(
        default=None,
        description="where it delivers on merge: the people without whose word nothing is rolled out",
        examples=[{"users": ["ana@example.com"]}],
    )
    exposure: Exposure | None = Field(
        default=None,
        description="how host names lead to applications",
        examples=[{"ingress": {"className": "nginx", "clusterIssuer": "letsencrypt"}}],
    )
    applications: dict[form.ApplicationName, Workload] = Field(
        default_factory=dict,
        description="how single applications run here",
        examples=[{"shop": {"replicas": 3, "host": "shop.example"}}],
    )
    on_reject: Literal["restore", "keep"] = Field(
        default="restore",
        description="when a pull request is closed unmerged: `restore` what was served before it, or `keep` what it left",
        examples=["keep"],
    )
    quote_logs: bool | None = Field(
        default=None,
        description="whether a commit status may quote a line of what a container printed that ended at its start, and of "
        "what a step printed that failed beside a pull request's code; the first may have printed its secrets, which are "
        "hidden in the second. Default: where it delivers on pull-request",
        examples=[False],
    )
    keep_runs: form.Runs = Field(
        default=50,
        description="ended runs of each application that stay; older ones "
        "are deleted. A quota counts runs: twice as many for each application, and 100 more",
    )
    max_pods: form.Pods | None = Field(
        default=None,
        description="quota of the workload namespace and of the delivery namespace, beyond which pods wait; default what is "
        "declared: of workloads all pods that the applications may have during rollouts, of deliveries two runs of each "
        "application with two pods each; at least 20",
        examples=[50],
    )

    @property
    def shared(self) -> bool:
        """Whether its applications run where somebody else's may, too."""
        return self.namespaces.workload is not None and self.namespaces.workload.existing

    def workload(self, application: str) -> Workload:
        """Return how an application runs here."""
        return self.applications.get(application, Workload())

    @property
    def quotes_logs(self) -> bool:
        """Whether what containers print may be told."""
        return self.deliver_on == "pull-request" if self.quote_logs is None else self.quote_logs

    @property
    def workload_namespace(self) -> str:
        """The namespace of this environment's applications, e.g. `staging`."""
        return self.namespaces.workload.name if self.namespaces.workload else self.name

    @property
    def delivery_namespace(self) -> str:
        """The namespace of this environment's listener and runs, e.g. `staging-ci`."""
        return self.namespaces.delivery.name if self.namespaces.delivery else delivery_namespace(self.name)
