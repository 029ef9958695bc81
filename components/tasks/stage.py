"""Pod 2: copy the image from quarantine by digest and roll it out. Trusts nothing of pod 1 but the digest, as data."""

from components.conventions import Manifest
from components.credentials import REGISTRY_PUSH
from components.tasks import rollout
from components.tasks.step import docker_config, string_params, string_results

NAME = "stage"

PARAMS = rollout.PARAMS | {
    "quarantine-image": "repository in the quarantine registry",
    "digest": "what pod 1 built: sha256:<64 hex digits>",
}


def spec(*, insecure: bool) -> Manifest:
    """Return the Task's spec; `insecure` allows registries without TLS."""
    copy = rollout.registry_step(
        "copy",
        "registry-push",
        insecure=insecure,
        env={"PARAM_QUARANTINE_IMAGE": "$(params.quarantine-image)", "PARAM_DIGEST": "$(params.digest)"},
    )
    return {
        "description": "Copy an image out of quarantine, unchanged, and roll it out by digest.",
        "params": string_params(PARAMS),
        "results": string_results(rollout.RESULTS),
        "volumes": [docker_config("registry-push", REGISTRY_PUSH), *rollout.volumes()],
        "steps": [copy, rollout.deploy()],
    }
