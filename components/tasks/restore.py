"""After a pull request was closed unmerged: the environment returns to what it served before it."""

from components.conventions import Manifest
from components.tasks import python, rollout
from components.tasks.step import API_TOKEN_PATH, api_token, mount, string_params, string_results

NAME = "restore"

PARAMS = rollout.TARGET_PARAMS


def spec() -> Manifest:
    """Return the Task's spec."""
    return {
        "description": "Return to what was served before a rejected pull request.",
        "params": string_params(PARAMS),
        "results": string_results(rollout.REASON),
        "volumes": [api_token(rollout.API_TOKEN)],
        "steps": [
            python.step(
                "restore",
                env=rollout.target_env(),
                mounts=[mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True)],
            )
        ],
    }
