"""An environment's admission policies with their bindings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import DEPLOYER, PROJECT, PRUNER, SUPERVISOR, UNTRUSTED, Manifest, labels, token
from components.policies.approvals import approvals
from components.policies.before_rollout import Before, before_rollouts
from components.policies.delivered import Delivered
from components.policies.deploys import deploys
from components.policies.leases import leases
from components.policies.pods import ImageStep, pods
from components.policies.policy import Policy, account
from components.policies.runs import cancellations, claims, endings, prunings, runs
from components.settings.environment import Approval


@dataclass(frozen=True, kw_only=True)
class PoliciesArgs:
    """Whom to hold to what."""

    environment: str
    workload_namespace: str
    delivery_namespace: str
    listener: str
    """User name of the listener's service account; it may live in another environment's delivery namespace."""
    applications: tuple[str, ...]
    runs: Mapping[str, Manifest]
    """The PipelineRun that each event starts, as its TriggerTemplate says."""
    shortened: Mapping[str, str] = field(default_factory=dict)
    """What names of runs begin with, by application, where its name and the environment's are too long."""
    delivered: Delivered
    """What is rolled out to."""
    existing: Delivered
    """The same of what is somebody else's."""
    lease_seconds: Mapping[str, int]
    """Deployment to how long its Lease is held at most."""
    before_rollouts: Mapping[str, Before] = field(default_factory=dict)
    """What applications run before their rollouts, where they do."""
    approval: Approval | None
    """Whose approvals count; None where it takes none."""
    image_step: ImageStep | None
    """How images are built; None where no pull-request code runs."""


class Policies(pulumi.ComponentResource):
    """ValidatingAdmissionPolicies: cluster-scoped, so their names carry the environment, bound to its namespaces only."""

    def __init__(self, name: str, args: PoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Policies"), name, None, opts)
        common = labels(environment=args.environment)
        for policy in declared(args):
            kubernetes_name = f"{PROJECT}-{args.environment}-{policy.name}"
            metadata = {"name": kubernetes_name, "labels": common}
            made = k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
                f"{name}-{policy.name}",
                metadata=metadata,
                spec=policy.spec(),
                opts=pulumi.ResourceOptions(parent=self),
            )
            k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
                f"{name}-{policy.name}",
                metadata=metadata,
                spec=policy.binding(kubernetes_name),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[made]),
            )
        self.register_outputs({})


def declared(args: PoliciesArgs) -> list[Policy]:
    """Return the policies of an environment."""
    deployer = account(args.delivery_namespace, DEPLOYER)
    made = [
        runs(
            namespace=args.delivery_namespace,
            account=args.listener,
            environment=args.environment,
            applications=args.applications,
            templates=args.runs,
            shortened=args.shortened,
        ),
        deploys(
            namespace=args.workload_namespace,
            environment=args.environment,
            account=deployer,
            delivered=args.delivered,
            others=tuple(args.existing.existing),
            shortened=args.shortened,
        ),
        leases(namespace=args.workload_namespace, account=deployer, longest=args.lease_seconds),
        endings(namespace=args.delivery_namespace),
        prunings(namespace=args.delivery_namespace, account=account(args.delivery_namespace, PRUNER)),
    ]
    if args.before_rollouts:
        made += before_rollouts(
            namespace=args.workload_namespace,
            deployer=deployer,
            pruner=account(args.delivery_namespace, PRUNER),
            applications=args.before_rollouts,
        )
    if args.existing.existing:
        made.append(
            deploys(
                namespace=args.workload_namespace,
                environment=args.environment,
                account=deployer,
                delivered=args.existing,
                shortened=args.shortened,
            )
        )
    if args.approval:
        made.append(approvals(namespace=args.delivery_namespace, approval=args.approval))
    if args.image_step:
        made += [
            cancellations(namespace=args.delivery_namespace, account=account(args.delivery_namespace, SUPERVISOR)),
            claims(namespace=args.delivery_namespace, account=account(args.delivery_namespace, PRUNER)),
            pods(namespace=args.delivery_namespace, untrusted=UNTRUSTED, image_step=args.image_step),
        ]
    return made
