"""Ended runs go after a while: an hourly job of each delivery namespace, with an identity that can do nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components import sources
from components.access import Rule, bind, service_account
from components.conventions import PRUNER, Manifest, labels, token
from components.cron_job import cron_job
from components.network import PRUNER_LABELS
from components.tasks.step import API_TOKEN_PATH, api_token, mount, variable

# An admission policy holds deletions to ended runs.
RULES: list[Rule] = [{"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["list", "delete"]}]
# Another one to claims that belong to a pod.
CLAIMS: list[Rule] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list", "delete"]},
]
# In the workload namespace, and another one: to Jobs before rollouts that have ended.
JOBS: list[Rule] = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "delete"]}]

_HOURLY = "23 * * * *"


@dataclass(frozen=True, kw_only=True)
class PruningArgs:
    """Where runs are pruned, and how many stay."""

    environment: str
    namespace: pulumi.Input[str]
    """The delivery namespace."""
    tools_image: str
    pull_secret: str | None
    """Secret by which the image is pulled; None for a registry that needs none."""
    keep: int
    """Ended runs of each application that stay."""
    claims: bool = False
    """Whether runs have volumes of their own."""
    jobs_namespace: pulumi.Input[str] | None = None
    """The workload namespace, where Jobs run before rollouts."""


class Pruning(pulumi.ComponentResource):
    """A CronJob with its identity."""

    def __init__(
        self,
        name: str,
        args: PruningArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`after` are the policies that hold whoever has the rights, and what the job runs."""
        super().__init__(token("Pruning"), name, None, opts)
        common = labels(environment=args.environment)
        child, rights = pulumi.ResourceOptions(parent=self), pulumi.ResourceOptions(parent=self, depends_on=after)
        metadata = {"name": PRUNER, "namespace": args.namespace, "labels": common | PRUNER_LABELS}
        service_account(f"{name}-{PRUNER}", metadata, args.pull_secret, child)
        bind(name, PRUNER, args.namespace, args.namespace, RULES + (CLAIMS if args.claims else []), common, rights)
        if args.jobs_namespace is not None:
            bind(f"{name}-jobs", PRUNER, args.jobs_namespace, args.namespace, JOBS, common, rights)
        k8s.batch.v1.CronJob(f"{name}-{PRUNER}", metadata=metadata, spec=job(args, common | PRUNER_LABELS), opts=rights)
        self.register_outputs({})


def job(args: PruningArgs, labels: dict[str, str]) -> Manifest:
    """Return the CronJob's spec."""
    jobs = [] if args.jobs_namespace is None else [{"name": "JOBS_NAMESPACE", "value": args.jobs_namespace}]
    return cron_job(
        "prune",
        schedule=_HOURLY,
        late=600,
        longest=300,
        account=PRUNER,
        labels=labels,
        namespace=args.namespace,
        tools_image=args.tools_image,
        env=[variable("KEEP", str(args.keep)), variable("CLAIMS", str(args.claims).lower()), *jobs],
        mounts=[mount("kubernetes-api", API_TOKEN_PATH, read_only=True), sources.MOUNT],
        volumes=[api_token("kubernetes-api"), sources.volume()],
    )
