"""An application whose workloads are somebody else's: what deliveries need beside them."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import LEASE_SECONDS, WORKLOADS, labels, token


@dataclass(frozen=True, kw_only=True)
class ExistingApplicationArgs:
    """Which application, and what runs its image."""

    application: str
    environment: str
    namespace: pulumi.Input[str]
    lease: str
    """The Lease's name: that of the workload that leads."""
    lease_seconds: int
    """How long a deploy holds it at most."""
    workloads: str
    """Its workloads, as steps read them."""


class ExistingApplication(pulumi.ComponentResource):
    """The Lease that its deploys hold. By its annotation people's commands find the workloads, whose labels are others'."""

    def __init__(self, name: str, args: ExistingApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("ExistingApplication"), name, None, opts)
        k8s.coordination.v1.Lease(
            f"{name}-lease",
            metadata={
                "name": args.lease,
                "namespace": args.namespace,
                "labels": labels(environment=args.environment, application=args.application),
                "annotations": {LEASE_SECONDS: str(args.lease_seconds), WORKLOADS: args.workloads},
            },
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["spec"]),
        )
        self.register_outputs({})
