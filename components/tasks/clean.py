"""After a pull request was closed unmerged: what it left in the registries is deleted, once the environment is back."""

from components.conventions import REGISTRY_DELETE, Manifest
from components.tasks import rollout
from components.tasks.step import (
    API_TOKEN_PATH,
    DOCKER_CONFIG_PATH,
    SCRATCH,
    api_token,
    docker_config,
    empty_dir,
    mount,
    step,
    string_params,
)

NAME = "clean"

PARAMS = {
    "pull-request": "its number",
    "namespace": "the workload namespace",
    "deployment": "the Deployment that runs its application",
    "image": "repository of the application's images",
    "quarantine-image": "repository in the quarantine registry; empty to delete nothing there",
}
# What one step tells the other: no step holds both credentials.
TOLD = "kept"
KEPT_PATH = "/kept/digests.json"


def spec(*, insecure: bool, quarantine_insecure: bool) -> Manifest:
    """Return the Task's spec; `insecure` and `quarantine_insecure` allow either registry to be without TLS."""
    kept = step(
        "kept",
        env={
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "PARAM_DEPLOYMENT": "$(params.deployment)",
            "NAMESPACE": "$(params.namespace)",
            "KEPT": KEPT_PATH,
        },
        mounts=[mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True), mount(TOLD, "/kept")],
    )
    clean = step(
        "clean",
        env={
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "PARAM_IMAGE": "$(params.image)",
            "PARAM_QUARANTINE_IMAGE": "$(params.quarantine-image)",
            "INSECURE": str(insecure).lower(),
            "QUARANTINE_INSECURE": str(quarantine_insecure).lower(),
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "KEPT": KEPT_PATH,
            "SCRATCH": SCRATCH,
        },
        mounts=[mount(REGISTRY_DELETE, DOCKER_CONFIG_PATH, read_only=True), mount(TOLD, "/kept", read_only=True)],
    )
    return {
        "description": "Delete the images that a rejected pull request left.",
        "params": string_params(PARAMS),
        "volumes": [api_token(rollout.API_TOKEN), docker_config(REGISTRY_DELETE, REGISTRY_DELETE), empty_dir(TOLD)],
        "steps": [kept, clean],
    }
