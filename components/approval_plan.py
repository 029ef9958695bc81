"""From an environment's setting `approval` to what it means for rights, admission, the promotion Task and its runs."""

from components.access import Subject, people
from components.conventions import seconds
from components.policies.approvals import Approvers
from components.settings.environment import Environment
from components.tasks.approve import ApprovalArgs


def subjects(environment: Environment) -> tuple[Subject, ...]:
    """Return those who get the rights to approve."""
    asked = environment.approval
    return people(asked.users, asked.groups) if asked else ()


def policy(environment: Environment) -> Approvers | None:
    """Return those whose approvals are admitted."""
    asked = environment.approval
    return Approvers(users=tuple(asked.users), groups=tuple(asked.groups)) if asked else None


def told(environment: Environment) -> str | None:
    """Return what pull requests are told while they wait."""
    asked = task(environment)
    return f"waits for {asked.count} of {asked.approvers} to approve, up to {asked.timeout}"[:139] if asked else None


def task(environment: Environment) -> ApprovalArgs | None:
    """Return what the promotion Task waits for."""
    asked = environment.approval
    if asked is None:
        return None
    return ApprovalArgs(
        approvers=", ".join([*asked.users, *(f"group {name}" for name in asked.groups)]),
        count=asked.count,
        timeout=asked.timeout,
        seconds=seconds(asked.timeout),
    )
