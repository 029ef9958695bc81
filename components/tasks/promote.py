"""The promotion pod: find the image that staging ran for a merged pull request and roll it out. Never builds."""

from components.conventions import Manifest
from components.credentials import REGISTRY_PULL
from components.tasks import rollout
from components.tasks.step import docker_config, string_params, string_results

NAME = "promote"

PARAMS = rollout.PARAMS


def spec(*, insecure: bool, authenticated: bool) -> Manifest:
    """Return the Task's spec; `insecure` allows a registry without TLS, `authenticated` mounts its credential."""
    volume = docker_config("registry-pull", REGISTRY_PULL) if authenticated else {"name": "registry-pull", "emptyDir": {}}
    return {
        "description": "Roll out the image of a merged pull request's head, by the digest that staging ran.",
        "params": string_params(PARAMS),
        "results": string_results(rollout.RESULTS),
        "volumes": [volume, *rollout.volumes()],
        "steps": [
            rollout.registry_step("resolve", "registry-pull", insecure=insecure, env={}),
            rollout.deploy(),
        ],
    }
