"""The Leases by which deploys wait for each other: who holds one, and for how long."""

from collections.abc import Mapping

from components.cel import quote
from components.policies import ownership
from components.policies.policy import KEPT_BY_THE_SERVER, Policy, rule, same_but, validation


def leases(*, namespace: str, account: str, longest: Mapping[str, int]) -> Policy:
    """Return the policy for the Leases by which deploys wait for each other.

    `longest` maps a Deployment to the seconds that its Lease is held at most. Admission knows no clock: clients do not
    believe a time that has not come yet.
    """
    bounds = ", ".join(f"{quote(name)}: {seconds}" for name, seconds in sorted(longest.items()))
    held = "has(object.spec) && has(object.spec.holderIdentity) && object.spec.holderIdentity != ''"
    return Policy(
        name="leases",
        namespace=namespace,
        account=account,
        rules=[rule("coordination.k8s.io", "v1", ["leases"], ["UPDATE"])],
        variables={
            "held": held,
            "longest": f"{{{bounds}}}[object.metadata.name]",
            **ownership.variables({"f:spec": None}),
        },
        validations=[
            validation(
                "the deployer changes no metadata of a Lease",
                same_but("object.metadata", "oldObject.metadata", *KEPT_BY_THE_SERVER),
            ),
            validation(
                "the deployer holds a Lease no longer than rollout, smoke check and way back take",
                "!variables.held || (has(object.spec.leaseDurationSeconds) && "
                "object.spec.leaseDurationSeconds <= variables.longest)",
                "string(variables.longest) + ' s'",
            ),
            validation(
                "the deployer holds a Lease in the name of a run, not of somebody",
                "!variables.held || object.spec.holderIdentity.matches('^[a-z0-9][a-z0-9.-]{0,252}$')",
            ),
            ownership.kept("the deployer", "coordination.k8s.io/v1"),
        ],
    )
