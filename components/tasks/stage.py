"""Pod 2: copy the image from quarantine by digest, roll it out, sign the mark. Of pod 1 it takes the digest, as data."""

from components.conventions import Manifest
from components.credential import MARK_SIGNING, REGISTRY_PUSH
from components.tasks import python, rollout
from components.tasks.git import Git
from components.tasks.step import (
    API_TOKEN_PATH,
    DOCKER_CONFIG_PATH,
    SCRATCH,
    mount,
    string_params,
    string_results,
)

NAME = "stage"

PARAMS = rollout.PARAMS | {
    "quarantine-image": "repository in the quarantine registry",
    "digest": "what pod 1 built: sha256:<64 hex digits>",
}
# The default is for runs that the last release started.
REF = {
    "name": "ref",
    "type": "string",
    "default": "",
    "description": "what must be the head commit still: refs/pull/<number>/head; empty for a merge",
}
PROMOTABLE = {"promotable": "`yes`, `no` if the base branch has what the head has not, or `untouched`"}
RESULTS = rollout.RESULTS | PROMOTABLE

MARK_KEY_PATH = "/credentials/mark"


def spec(
    git: Git, *, environment: str, insecure: bool, quarantine_insecure: bool, platform: str | None, max_image_size: str
) -> Manifest:
    """Return the Task's spec; `insecure` and `quarantine_insecure` allow either registry to be without TLS.

    The copy has one word for both of its sides. It takes an image for `platform`, or for the node's own, of at most
    `max_image_size`. The key that signs is in the last step alone, which reads neither what pod 1 made nor the repository.
    """
    push = REGISTRY_PUSH.mount(DOCKER_CONFIG_PATH)
    registry = {"DOCKER_CONFIG": DOCKER_CONFIG_PATH, "RESULT_IMAGE_PATH": "$(results.image.path)"}
    content = {"CONTENT": f"{rollout.HISTORY_PATH}/content.json"}
    stage = python.step(
        NAME,
        env=dict(git.env)
        | rollout.target_env()
        | rollout.SMOKE_ENV
        | rollout.SOURCE_ENV
        | registry
        | content
        | {
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_IMAGE": "$(params.image)",
            "PARAM_QUARANTINE_IMAGE": "$(params.quarantine-image)",
            "PARAM_DIGEST": "$(params.digest)",
            "PARAM_REF": "$(params.ref)",
            "PLATFORM": platform or "",
            "MAX_IMAGE_SIZE": max_image_size,
            "INSECURE": str(insecure or quarantine_insecure).lower(),
        },
        mounts=[
            push,
            mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True),
            mount(rollout.HISTORY, rollout.HISTORY_PATH),
        ],
        ephemeral_storage=rollout.HISTORY_SIZE,
        workspaces=git.mounts(),
    )
    sign = python.step(
        "sign",
        env=registry
        | content
        | {
            "PARAM_REPOSITORY": "$(params.repository)",
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "ENVIRONMENT": environment,
            "RUN": "$(context.taskRun.name)",
            "PARAM_APPLICATION": "$(params.application)",
            "MARK_KEY": MARK_KEY_PATH,
            "MARK_TYPE": rollout.MARK_TYPE,
            "INSECURE": str(insecure).lower(),
            "SCRATCH": SCRATCH,
            "RESULT_PROMOTABLE_PATH": "$(results.promotable.path)",
        },
        mounts=[
            push,
            MARK_SIGNING.mount(MARK_KEY_PATH),
            mount(rollout.HISTORY, rollout.HISTORY_PATH, read_only=True),
        ],
    )
    return {
        "description": "Copy an image out of quarantine, unchanged, roll it out by digest, and vouch for it.",
        "params": [*string_params(PARAMS), REF],
        "results": string_results(RESULTS),
        "volumes": [
            REGISTRY_PUSH.volume(),
            MARK_SIGNING.volume(),
            *rollout.volumes(),
        ],
        "steps": [stage, sign],
    } | git.workspaces()
