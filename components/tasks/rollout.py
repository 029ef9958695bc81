"""Steps that change what an environment runs: shared by the staging and the promotion Task."""

from components.conventions import FIELD_MANAGER, Manifest
from components.tasks.step import API_TOKEN_PATH, DOCKER_CONFIG_PATH, api_token, mount, step

PARAMS = {
    "head-sha": "the pull request's head commit: 40 hex digits",
    "pull-request": "its number",
    "image": "repository of the application's images",
    "namespace": "the workload namespace",
    "deployment": "the Deployment to roll out",
    "container": "the container that runs the image",
    "timeout": "how long the rollout may take, e.g. 5m",
}
RESULTS = {"image": "what was rolled out, by digest"}

API_TOKEN = "kubernetes-api"


def volumes() -> list[Manifest]:
    """Return the volumes that the deploy step mounts."""
    return [api_token(API_TOKEN)]


def deploy() -> Manifest:
    """Return the step that rolls out the image of the result `image`, and restores the former one if it fails."""
    return step(
        "deploy",
        env={
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "PARAM_NAMESPACE": "$(params.namespace)",
            "PARAM_DEPLOYMENT": "$(params.deployment)",
            "PARAM_CONTAINER": "$(params.container)",
            "PARAM_TIMEOUT": "$(params.timeout)",
            "RUN": "$(context.taskRun.name)",
            "FIELD_MANAGER": FIELD_MANAGER,
            "RESULT_IMAGE_PATH": "$(results.image.path)",
        },
        mounts=[mount(API_TOKEN, API_TOKEN_PATH, read_only=True)],
    )


def registry_step(name: str, volume: str, *, insecure: bool, env: dict[str, str]) -> Manifest:
    """Return a step that works on the registry with the credential of `volume` and writes the result `image`."""
    return step(
        name,
        env=env
        | {
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_IMAGE": "$(params.image)",
            "INSECURE": str(insecure).lower(),
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "RESULT_IMAGE_PATH": "$(results.image.path)",
        },
        mounts=[mount(volume, DOCKER_CONFIG_PATH, read_only=True)],
    )
