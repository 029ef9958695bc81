"""Waiting for people before a rollout: what the promotion pod is given for it."""

from dataclasses import dataclass

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


def env(args: ApprovalArgs) -> dict[str, str]:
    """Return what the step takes that waits for approvals of the proven digest."""
    return {
        "PARAM_RUN": "$(params.run)",
        "RUN_UID": "$(context.taskRun.uid)",
        "APPROVALS_NAMESPACE": "$(context.taskRun.namespace)",
        "APPROVERS": args.approvers,
        "APPROVAL_COUNT": str(args.count),
        "APPROVAL_TIMEOUT": args.timeout,
        "APPROVAL_SECONDS": str(args.seconds),
        "RESULT_APPROVED_BY_PATH": "$(results.approved-by.path)",
    }
