"""After a pull request was closed unmerged: what it left in the registries is deleted, once the environment is back."""

from components.conventions import Manifest
from components.credential import REGISTRY_DELETE
from components.tasks import forge, python, rollout
from components.tasks.step import API_TOKEN_PATH, DOCKER_CONFIG_PATH, api_token, mount, string_params

NAME = "clean"

PARAMS = {
    "repository": "owner/name on the forge",
    "pull-request": "its number",
    "namespace": "the workload namespace",
    "deployment": "the Deployments that run its application, one a line; the first one leads",
    "image": "repository of the application's images",
    "quarantine-image": "repository in the quarantine registry; empty to delete nothing there",
}


def spec(*, api: forge.Api, insecure: bool, quarantine_insecure: bool) -> Manifest:
    """Return the Task's spec; `insecure` and `quarantine_insecure` allow either registry to be without TLS."""
    clean = python.step(
        "clean",
        env=forge.env(api, forge.PULL_REQUESTS)
        | {
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "PARAM_DEPLOYMENT": "$(params.deployment)",
            "NAMESPACE": "$(params.namespace)",
            "PARAM_IMAGE": "$(params.image)",
            "PARAM_QUARANTINE_IMAGE": "$(params.quarantine-image)",
            "INSECURE": str(insecure).lower(),
            "QUARANTINE_INSECURE": str(quarantine_insecure).lower(),
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "API_ACCESS": API_TOKEN_PATH,
        },
        mounts=[
            mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True),
            REGISTRY_DELETE.mount(DOCKER_CONFIG_PATH),
            forge.credential(api),
        ],
    )
    return {
        "description": "Delete the images that a rejected pull request left.",
        "params": string_params(PARAMS),
        "volumes": [
            api_token(rollout.API_TOKEN),
            forge.volume(api),
            REGISTRY_DELETE.volume(),
        ],
        "steps": [clean],
    }
