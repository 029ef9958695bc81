"""Whether an image that is to come back was vouched for: `python -m operate rollback` asks, which has no cosign."""

from dataclasses import dataclass

from components.conventions import Manifest
from components.credential import MARK_SIGNING, REGISTRY_PULL
from components.tasks import python, rollout
from components.tasks.promote import Reading
from components.tasks.stage import MARK_KEY_PATH
from components.tasks.step import DOCKER_CONFIG_PATH, SCRATCH, empty_dir, string_params, string_results

NAME = "proof"

# What the stack says of the application; `operate` reads there which images are its own.
FIXED_PARAMS = {
    "application": "its name, of which the mark speaks",
    "repository": "owner/name on the forge",
    "image": "repository of the application's images",
    "vouched-by": "the environment whose mark counts",
}
PARAMS = {
    "digest": "of the image: sha256:<64 hex digits>",
    "commit": "that it is recorded for: 40 hex digits",
    "merge-commit": "that was promoted, or empty",
}
RESULTS = {"mark": "the statement that proves it, as JSON"} | rollout.REASON


@dataclass(frozen=True, kw_only=True)
class ProofTaskArgs:
    """What differs between installations."""

    registry: Reading
    public_key: str | None
    """By which marks are verified, PEM; None where they are made, by that key."""
    former_keys: tuple[str, ...] = ()
    """Public keys that it had before, whose marks still count."""


def spec(args: ProofTaskArgs) -> Manifest:
    """Return the Task's spec."""
    signs = args.public_key is None
    mounts = [REGISTRY_PULL.mount(DOCKER_CONFIG_PATH)]
    volumes = [REGISTRY_PULL.volume() if args.registry.authenticated else empty_dir(REGISTRY_PULL.name)]
    if signs:
        mounts.append(MARK_SIGNING.mount(MARK_KEY_PATH))
        volumes.append(MARK_SIGNING.volume())
    proof = python.step(
        NAME,
        env={
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "INSECURE": str(args.registry.insecure).lower(),
            "PARAM_APPLICATION": "$(params.application)",
            "PARAM_REPOSITORY": "$(params.repository)",
            "PARAM_IMAGE": "$(params.image)",
            "VOUCHED_BY": "$(params.vouched-by)",
            "PARAM_DIGEST": "$(params.digest)",
            "PARAM_COMMIT": "$(params.commit)",
            "PARAM_MERGE_COMMIT": "$(params.merge-commit)",
            "PUBLIC_KEY": args.public_key or "",
            "FORMER_KEYS": "\n".join(args.former_keys),
            "MARK_KEY": MARK_KEY_PATH if signs else "",
            "MARK_TYPE": rollout.MARK_TYPE,
            "SCRATCH": SCRATCH,
            "RESULT_MARK_PATH": "$(results.mark.path)",
            "RESULT_REASON_PATH": "$(results.reason.path)",
        },
        mounts=mounts,
    )
    return {
        "description": "Tell whether an image is one that was vouched for.",
        "params": string_params(FIXED_PARAMS | PARAMS),
        "results": string_results(RESULTS),
        "volumes": volumes,
        "steps": [proof],
    }
