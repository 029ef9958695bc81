"""From an environment's setting `approval` to what it means for rights, admission, the promotion Task and its runs."""

from components.access import Subject, people
from components.conventions import seconds
from components.policies.approvals import Approvers
from components.settings.environment import Environment
from components.tasks.approve import ApprovalArgs


def subjects(environment: Environment) -> tuple[Subject, ...]:
    """Return those who get the rights to approve."""
    approval = environment.approval
    return people(approval.users, approval.groups) if approval else ()


def policy(environment: Environment) -> Approvers | None:
    """Return those whose approvals are admitted."""
    approval = environment.approval
    return Approvers(users=tuple(approval.users), groups=tuple(approval.groups)) if approval else None


def status(environment: Environment) -> str | None:
    """Return the text of the commit status while a merge waits."""
    args = task(environment)
    return f"waits for {args.count} of {args.approvers} to approve, up to {args.timeout}"[:139] if args else None


def task(environment: Environment) -> ApprovalArgs | None:
    """Return what the promotion Task waits for."""
    approval = environment.approval
    if approval is None:
        return None
    return ApprovalArgs(
        approvers=", ".join([*approval.users, *(f"group {name}" for name in approval.groups)]),
        count=approval.count,
        timeout=approval.timeout,
        seconds=seconds(approval.timeout),
    )
