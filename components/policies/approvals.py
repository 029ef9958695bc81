"""Approvals: ConfigMaps by which people vouch for a digest, each in the own name, and for good."""

from components.cel import quote
from components.conventions import APPROVAL
from components.policies.policy import Policy, optional, rule, texts, validation
from components.settings.environment import Approval

_FIELDS = ("digest", "approver", "reason")


def approvals(*, namespace: str, approval: Approval) -> Policy:
    """Return the policy for whoever makes something that looks like an approval."""

    def labelled(metadata: str) -> str:
        return f"has({metadata}.labels) && {quote(APPROVAL)} in {metadata}.labels"

    users, groups = approval.users, approval.groups
    who = f"request.userInfo.username in {texts(users)}"
    if groups:
        who += f" || (has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in {texts(groups)}))"
    named = ", ".join([*users, *(f"the group {group}" for group in groups)])
    return Policy(
        name="approvals",
        namespace=namespace,
        rules=[rule("", "v1", ["configmaps"], ["CREATE", "UPDATE"])],
        variables={
            "approves": labelled("object.metadata"),
            "approved": f"request.operation == 'UPDATE' && {labelled('oldObject.metadata')}",
            "data": optional("object", "data", "{}"),
        },
        validations=[
            validation(
                "an approval never changes",
                "request.operation == 'CREATE' || !(variables.approves || variables.approved)",
            ),
            validation(f"approvals are given by {named}", f"!variables.approves || {who}", "request.userInfo.username"),
            validation(
                "who approves does so in the own name",
                "!variables.approves || ('approver' in variables.data && "
                "variables.data.approver == request.userInfo.username)",
            ),
            validation(
                f"an approval is immutable and says {', '.join(_FIELDS)}, nothing more",
                "!variables.approves || (has(object.immutable) && object.immutable == true && "
                f"variables.data.all(k, k in {texts(_FIELDS)}) && 'digest' in variables.data && "
                "variables.data.digest.matches('^sha256:[0-9a-f]{64}$'))",
            ),
        ],
    )
