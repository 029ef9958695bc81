"""Cancels runs of a pull request that a newer event has overtaken, beside the build and not before it."""

from components.conventions import Manifest
from components.tasks.step import API_TOKEN_PATH, api_token, mount, step, string_params

NAME = "supersede"

PARAMS = {
    "pull-request": "whose runs",
    "application": "of which application",
    "run": "name of the PipelineRun that overtakes them",
}


def spec(*, namespace: str) -> Manifest:
    """Return the Task's spec; `namespace` is the delivery namespace."""
    return {
        "description": "Cancel older runs of the same pull request.",
        "params": string_params(PARAMS),
        "volumes": [api_token("kubernetes-api")],
        "steps": [supersede(namespace)],
    }


def supersede(namespace: str) -> Manifest:
    """Return the step that cancels older runs."""
    return step(
        "supersede",
        env={
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "PARAM_RUN": "$(params.run)",
            "APPLICATION": "$(params.application)",
            "NAMESPACE": namespace,
        },
        mounts=[mount("kubernetes-api", API_TOKEN_PATH, read_only=True)],
    )
