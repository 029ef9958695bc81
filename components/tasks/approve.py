"""Waiting for people before a rollout: a step of the promotion pod."""

from dataclasses import dataclass

from components.conventions import Manifest
from components.tasks import rollout
from components.tasks import step as steps
from components.tasks.step import API_TOKEN_PATH, mount

PARAMS = {"run": "name of the PipelineRun"}
RESULTS = {"approved-by": "who approved it, as JSON"}


@dataclass(frozen=True, kw_only=True)
class ApprovalArgs:
    """Whose word a promotion waits for."""

    approvers: str
    """Who they are, for people to read."""
    count: int
    timeout: str
    seconds: int
    """The timeout in seconds."""


def step(args: ApprovalArgs) -> Manifest:
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
            "APPROVERS": args.approvers,
            "APPROVAL_COUNT": str(args.count),
            "APPROVAL_TIMEOUT": args.timeout,
            "APPROVAL_SECONDS": str(args.seconds),
            "RESULT_IMAGE_PATH": "$(results.image.path)",
            "RESULT_APPROVED_BY_PATH": "$(results.approved-by.path)",
        },
        mounts=[mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True)],
    )
