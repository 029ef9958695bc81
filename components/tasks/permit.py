"""Decides whether a comment may start the tests of a fork's pull request, by what the forge says and not by the comment."""

from components.conventions import Manifest
from components.tasks import forge, python
from components.tasks.step import string_params, string_results

NAME = "permit"

PARAMS = {
    "repository": "owner/name on the forge",
    "base-branch": "the branch that pull requests are merged to",
    "pull-request": "its number",
    "head-sha": "the commit that the comment names: 40 hex digits",
    "commenter": "login of who commented",
    "comment": "the comment's number on the forge",
}
# The values of the result `permitted`.
YES, STALE = "yes", "stale"
RESULTS = {
    "permitted": f"`{YES}`; `{STALE}` where the right person named another commit than the head; `no` otherwise",
    "reason": "why not, in one line",
}


def spec(*, api: forge.Api) -> Manifest:
    """Return the Task's spec."""
    return {
        "description": "Ask the forge whether the comment is there, who wrote it may write, and what the head is.",
        "params": string_params(PARAMS),
        "results": string_results(RESULTS),
        "volumes": [forge.volume(api)],
        "steps": [
            python.step(
                "permit",
                env=forge.env(api, forge.COLLABORATORS | forge.PULL_REQUESTS)
                | {
                    "PARAM_BASE_BRANCH": "$(params.base-branch)",
                    "PARAM_PULL_REQUEST": "$(params.pull-request)",
                    "PARAM_HEAD_SHA": "$(params.head-sha)",
                    "PARAM_COMMENTER": "$(params.commenter)",
                    "PARAM_COMMENT": "$(params.comment)",
                    "RESULT_PERMITTED_PATH": "$(results.permitted.path)",
                    "RESULT_REASON_PATH": "$(results.reason.path)",
                },
                mounts=[forge.credential(api)],
            )
        ],
    }
