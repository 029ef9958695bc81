"""Waiting for people before a rollout: a step of the promotion pod."""

from components.conventions import Manifest, seconds
from components.settings.environment import Approval
from components.tasks import rollout
from components.tasks import step as steps
from components.tasks.step import API_TOKEN_PATH, mount

PARAMS = {"run": "name of the PipelineRun"}
RESULTS = {"approved-by": "who approved it, as JSON"}


def approvers(approval: Approval) -> str:
    """Return who may approve, for people to read."""
    return ", ".join([*approval.users, *(f"group {name}" for name in approval.groups)])


def waits_for(approval: Approval) -> str:
    """Return the text of the commit status until it is approved; forges take no more of it than that."""
    return f"waits for {approval.count} of {approvers(approval)} to approve, up to {approval.timeout}"[:139]


def step(approval: Approval) -> Manifest:
    """Return the step that waits for approvals of the proven digest."""
    return steps.step(
        "approve",
        env=rollout.note_env()
        | {
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_MERGED_BY": "$(params.merged-by)",
            "PARAM_RUN": "$(params.run)",
            "RUN_UID": "$(context.taskRun.uid)",
            "APPROVALS_NAMESPACE": "$(context.taskRun.namespace)",
            "APPROVERS": approvers(approval),
            "APPROVAL_COUNT": str(approval.count),
            "APPROVAL_TIMEOUT": approval.timeout,
            "APPROVAL_SECONDS": str(seconds(approval.timeout)),
            "RESULT_IMAGE_PATH": "$(results.image.path)",
            "RESULT_APPROVED_BY_PATH": "$(results.approved-by.path)",
        },
        mounts=[mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True)],
    )
