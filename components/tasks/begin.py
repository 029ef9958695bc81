"""A delivery has started: older runs of the pull request are cancelled, and it says so. Beside the build, not before it.

A run whose commit is not the head any more ends itself instead.
"""

from components.conventions import Manifest
from components.tasks import announce, forge, python, supersede
from components.tasks.step import api_token, string_params

NAME = "begin"

PARAMS = supersede.PARAMS | announce.PARAMS


def spec(*, namespace: str, environment: str, api: forge.Api) -> Manifest:
    """Return the Task's spec; `namespace` is the delivery namespace."""
    rights = forge.STATUSES | forge.PULL_REQUESTS
    waits_for = "tests, image and rollout have started"
    return {
        "description": f"Cancel older runs of the same pull request; set tekton-delivery/{environment} to pending.",
        "params": [*string_params(PARAMS), *(each for each in forge.told_params(api) if each["name"] not in PARAMS)],
        "volumes": [api_token(supersede.API_TOKEN), forge.volume(api)],
        "steps": [
            python.step(
                "begin",
                env=supersede.env(namespace)
                | announce.env(environment=environment, api=api, waits_for=waits_for, rights=rights),
                mounts=[supersede.credential(), forge.credential(api)],
            )
        ],
    }
