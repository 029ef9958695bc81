"""What GitHub's REST API takes of a body: its properties, those that are required, and what some of them are held to.

From GitHub's OpenAPI description (github/rest-api-description), as the crate openapi-github 0.1.0 has it that is generated
from it (ReposCreateCommitStatusRequest, ReposCreateDeploymentRequest, ReposCreateDeploymentStatusRequest); the lengths are
from the descriptions there and from https://docs.github.com/en/rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Body:
    """A request's body."""

    properties: Mapping[str, type | tuple[type, ...]]
    required: frozenset[str]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    longest: Mapping[str, int] = field(default_factory=dict)

    def mistakes(self, body: Any) -> list[str]:
        """What GitHub would answer with 422, or pass over."""
        if not isinstance(body, dict):
            return ["it is no object"]
        return [
            *(f"{name} is missing" for name in sorted(self.required - body.keys())),
            *(f"{name} is unknown" for name in sorted(body.keys() - self.properties.keys())),
            *(
                f"{name} is of another type"
                for name in body
                if not isinstance(body[name], self.properties.get(name, object))
            ),
            *(
                f"{name} is none of its values"
                for name in self.values
                if name in body and body[name] not in self.values[name]
            ),
            *(f"{name} is too long" for name, most in self.longest.items() if len(str(body.get(name) or "")) > most),
        ]


# POST /repos/{owner}/{repo}/statuses/{sha}
STATUS = Body(
    {"state": str, "target_url": (str, type(None)), "description": (str, type(None)), "context": str},
    frozenset({"state"}),
    {"state": frozenset({"error", "failure", "pending", "success"})},
    {"description": 140},
)
# POST /repos/{owner}/{repo}/issues/{issue_number}/comments, and PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}
COMMENT = Body({"body": str}, frozenset({"body"}), longest={"body": 65536})
# POST /repos/{owner}/{repo}/deployments
DEPLOYMENT = Body(
    {
        "ref": str,
        "task": str,
        "auto_merge": bool,
        "required_contexts": list,
        "payload": (dict, str),
        "environment": str,
        "description": (str, type(None)),
        "transient_environment": bool,
        "production_environment": bool,
    },
    frozenset({"ref"}),
)
# POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses
DEPLOYMENT_STATUS = Body(
    {
        "state": str,
        "target_url": str,
        "log_url": str,
        "description": str,
        "environment": str,
        "environment_url": str,
        "auto_inactive": bool,
    },
    frozenset({"state"}),
    {"state": frozenset({"error", "failure", "inactive", "in_progress", "queued", "pending", "success"})},
    {"description": 140},
)
