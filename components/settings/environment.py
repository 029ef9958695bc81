"""Where applications run."""

from typing import Literal

from pydantic import Field

from components.settings import types as form
from components.settings.approval import Approval
from components.settings.exposure import Exposure
from components.settings.types import Model
from components.settings.workload import Workload


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
    stale_base: Literal["refuse", "rebuild"] = Field(
        default="refuse",
        description="what becomes of a merge after the base branch had moved, so that nobody tested what it made: `refuse` "
        "it, or `rebuild` it where pull requests are delivered and wait for that where merges are (both say the same)",
    )
    rollout_timeout: form.Duration = Field(default="5m", description="how long a rollout may take to get ready")
    replicas: form.Replicas = Field(default=1, description="pods of each application")
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
    applications: dict[form.Name, Workload] = Field(
        default_factory=dict,
        description="how single applications run here",
        examples=[{"shop": {"replicas": 3, "host": "shop.example"}}],
    )
    on_reject: Literal["restore", "keep"] = Field(
        default="restore",
        description="when a pull request is closed unmerged: `restore` what was served before it, or `keep` what it left",
        examples=["keep"],
    )
    keep_runs: form.Runs = Field(
        default=50,
        description="ended runs of each application that stay; older ones "
        "are deleted. A quota counts runs: twice as many for each application, and 100 more",
    )
    max_pods: form.Pods = Field(default=20, description="quota of the workload namespace and of the delivery namespace")

    def workload(self, application: str) -> Workload:
        """Return how an application runs here."""
        return self.applications.get(application, Workload())

    @property
    def delivery_namespace(self) -> str:
        """The namespace of this environment's listener and runs, e.g. `staging-ci`."""
        return f"{self.name}-ci"
