"""The Lease that an application's deploys hold, one at a time: whoever's its workloads are."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import LEASE_SECONDS, Manifest


def lease(
    resource: str, metadata: Manifest, *, longest: int, parent: pulumi.Resource, notes: Mapping[str, str] | None = None
) -> k8s.coordination.v1.Lease:
    """Declare it. `longest` is for how many seconds a deploy holds it at most; `notes` are annotations beside that.

    Who holds it is the deploys' to say: its spec is ignored.
    """
    return k8s.coordination.v1.Lease(
        resource,
        metadata=metadata | {"annotations": {LEASE_SECONDS: str(longest)} | dict(notes or {})},
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["spec"]),
    )
