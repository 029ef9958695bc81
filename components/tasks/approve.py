"""Waiting for people before a rollout: what the promotion pod is given for it."""

from components.conventions import literal, seconds
from components.settings.environment import Approval

PARAMS = {"run": "name of the PipelineRun"}


def approvers(approval: Approval) -> str:
    """Return who may approve, for people to read."""
    return ", ".join([*approval.users, *(f"group {name}" for name in approval.groups)])


def waits_for(approval: Approval, after: str | None = None) -> str:
    """Return the text of the commit status until it is approved; forges take no more of it than that.

    `after` is what is waited for before.
    """
    first = f"waits for {after}, then for" if after else "waits for"
    return f"{first} {approval.count} of {approvers(approval)} to approve, up to {approval.timeout}"[:139]


def env(approval: Approval) -> dict[str, str]:
    """Return what the step takes that waits for approvals of the proven digest."""
    return {
        "PARAM_RUN": "$(params.run)",
        "RUN_UID": "$(context.taskRun.uid)",
        "APPROVALS_NAMESPACE": "$(context.taskRun.namespace)",
        "APPROVERS": literal(approvers(approval)),
        "APPROVAL_COUNT": str(approval.count),
        "APPROVAL_TIMEOUT": approval.timeout,
        "APPROVAL_SECONDS": str(seconds(approval.timeout)),
    }
