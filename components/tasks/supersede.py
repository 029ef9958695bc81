"""Cancels runs of a pull request that is rejected, unless it was taken up again meanwhile."""

from components.conventions import Manifest
from components.tasks import forge, python
from components.tasks.step import API_TOKEN_PATH, api_token, mount, string_params

NAME = "supersede"

# The volume with the token.
API_TOKEN = "kubernetes-api"

PARAMS = {
    "pull-request": "whose runs",
    "application": "of which application",
    "run": "name of the PipelineRun that overtakes them",
    "base-branch": "the branch that pull requests are merged to",
    "repository": "owner/name on the forge",
}


def spec(*, namespace: str, api: forge.Api) -> Manifest:
    """Return the Task's spec; `namespace` is the delivery namespace."""
    return {
        "description": "Cancel older runs of the same pull request.",
        "params": string_params(PARAMS),
        "volumes": [api_token(API_TOKEN), forge.volume(api)],
        "steps": [
            python.step(
                "supersede",
                env=env(namespace) | forge.env(api, forge.PULL_REQUESTS),
                mounts=[credential(), forge.credential(api)],
            )
        ],
    }


def env(namespace: str) -> dict[str, str]:
    """Return what a step is given that cancels older runs."""
    return {
        "PARAM_PULL_REQUEST": "$(params.pull-request)",
        "PARAM_BASE_BRANCH": "$(params.base-branch)",
        "PARAM_RUN": "$(params.run)",
        "APPLICATION": "$(params.application)",
        "NAMESPACE": namespace,
        "API_ACCESS": API_TOKEN_PATH,
    }


def credential() -> Manifest:
    """Return the mount of the token by which that step calls the API server."""
    return mount(API_TOKEN, API_TOKEN_PATH, read_only=True)
