"""An application whose workloads are somebody else's: what deliveries need beside them."""

from dataclasses import dataclass

import pulumi

from components.conventions import WORKLOADS, labels, token
from components.lease import lease


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
        metadata = {
            "name": args.lease,
            "namespace": args.namespace,
            "labels": labels(environment=args.environment, application=args.application),
        }
        lease(f"{name}-lease", metadata, longest=args.lease_seconds, parent=self, notes={WORKLOADS: args.workloads})
        self.register_outputs({})
