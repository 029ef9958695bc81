"""The promotion pod: prove that a merge is what the environment before this one ran, and roll it out. Never builds.

Where that environment keeps its images in another registry, image and mark are proven there, copied, and proven again
where they are rolled out from.
"""

from dataclasses import dataclass
from typing import Any

from components.conventions import Manifest
from components.credential import MARK_SIGNING, REGISTRY_PULL, REGISTRY_PUSH, SOURCE_PULL
from components.settings.environment import Approval
from components.tasks import approve, python, rollout
from components.tasks.git import Git
from components.tasks.stage import MARK_KEY_PATH
from components.tasks.step import (
    API_TOKEN_PATH,
    DOCKER_CONFIG_PATH,
    PUSH_CONFIG_PATH,
    SCRATCH,
    SOURCE_CONFIG_PATH,
    empty_dir,
    mount,
    string_params,
    string_results,
)

NAME = "promote"
RESULTS = rollout.RESULTS | {
    "touched": "`no` for a merge that does not touch the application",
    "base": "the commit that the base branch has, where that is not what the merge made",
}

PARAMS = rollout.PARAMS | {
    "merge-sha": "the merge commit on the base branch: 40 hex digits",
    "merged-by": "who merged",
}
SERVED = {"served": "`yes` once what was promoted serves, which is what is signed"}
SOURCE_PARAMS = {"source-image": "repository of the images of the environment before this one"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a registry is read."""

    insecure: bool
    """Allows it to be without TLS."""
    authenticated: bool
    """Whether it takes a credential."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Which marks are demanded."""

    environment: str
    """Whose."""
    public_key: str
    """Its public key, PEM."""
    former_keys: tuple[str, ...]
    """Public keys that it had before, whose marks still count."""
    max_age: int | None
    """How old one may be, in seconds; None for any age."""
    seconds: int
    """How long a merge waits for one that is not there yet."""
    chained: bool = False
    """Whether that environment delivers on merge too, and vouches once it has rolled out."""


@dataclass(frozen=True, kw_only=True)
class PromoteTaskArgs:
    """What differs between installations."""

    git: Git
    registry: Reading
    source: Reading | None
    """Where the former environment keeps its images; None for the same registry."""
    environment: str
    marks: Marks
    stale_base: str
    """`rebuild` to wait for the mark of the merge commit where the head's is about another tree; else `refuse`."""
    approval: Approval | None
    """Whose word it takes."""
    vouches: bool = False
    """Whether it signs what it has rolled out, for the next environment."""


def spec(args: PromoteTaskArgs) -> Manifest:
    """Return the Task's spec: one step, since no code of a pull request runs in this pod and each step costs a second.

    Where people approve, the proof is a step of its own: they believe what a step said that has ended. The key that signs is
    in a last step alone, which reads neither the repository nor what others have signed.
    """
    credentials = [(REGISTRY_PULL, DOCKER_CONFIG_PATH, args.registry.authenticated)]
    params, results, proving = PARAMS, RESULTS, dict(args.git.env) | _proving(args)
    if args.source:
        params = params | SOURCE_PARAMS
        proving |= _copying(args.source)
        credentials += [
            (SOURCE_PULL, SOURCE_CONFIG_PATH, args.source.authenticated),
            (REGISTRY_PUSH, PUSH_CONFIG_PATH, True),
        ]
    opening = [each.mount(path) for each, path, _ in credentials]
    api, deploying = mount(rollout.API_TOKEN, API_TOKEN_PATH, read_only=True), _deploying()
    vouching = []
    if args.vouches:
        results = results | SERVED
        proving |= _CONTENT
        deploying |= _SERVED
        credentials += [(MARK_SIGNING, MARK_KEY_PATH, True)] + ([] if args.source else [(REGISTRY_PUSH, "", True)])
        vouching = [_vouch(args)]
    history = mount(rollout.HISTORY, rollout.HISTORY_PATH)
    fetching: dict[str, Any] = {"ephemeral_storage": rollout.HISTORY_SIZE, "workspaces": args.git.mounts()}
    if args.approval:
        params = params | approve.PARAMS
        told = deploying | approve.env(args.approval) | {name: proving[name] for name in _HANDED_ON}
        steps = [
            python.step("prove", runs="merge", env=proving, mounts=[*opening, history], **fetching),
            python.step("approve", runs="approved", env=told, mounts=[api, history | {"readOnly": True}]),
        ]
    else:
        steps = [python.step(NAME, env=proving | deploying, mounts=[*opening, api, history], **fetching)]
    return {
        "description": "Prove that a merged pull request is what the former environment ran, and roll out that digest.",
        "params": string_params(params),
        "results": string_results(results),
        "volumes": [
            *(each.volume() if authenticated else empty_dir(each.name) for each, _, authenticated in credentials),
            *rollout.volumes(),
        ],
        "steps": [*steps, *vouching],
    } | args.git.workspaces()


_CONTENT = {"CONTENT": f"{rollout.HISTORY_PATH}/content.json"}
_SERVED = {"RESULT_SERVED_PATH": "$(results.served.path)"}


def _vouch(args: PromoteTaskArgs) -> Manifest:
    """Return the step that signs what was rolled out: a statement about the merge commit."""
    return python.step(
        "vouch",
        env=_CONTENT
        | _SERVED
        | {
            "PARAM_REPOSITORY": "$(params.repository)",
            "PARAM_APPLICATION": "$(params.application)",
            "PARAM_HEAD_SHA": "$(params.merge-sha)",
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "ENVIRONMENT": args.environment,
            "RUN": "$(context.taskRun.name)",
            "MARK_KEY": MARK_KEY_PATH,
            "MARK_TYPE": rollout.MARK_TYPE,
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "INSECURE": str(args.registry.insecure).lower(),
            "SCRATCH": SCRATCH,
            "RESULT_IMAGE_PATH": "$(results.image.path)",
            "RESULT_REASON_PATH": "$(results.reason.path)",
        },
        mounts=[
            REGISTRY_PUSH.mount(DOCKER_CONFIG_PATH),
            MARK_SIGNING.mount(MARK_KEY_PATH),
            mount(rollout.HISTORY, rollout.HISTORY_PATH, read_only=True),
        ],
    )


# What the step that waits for people reads too.
_HANDED_ON = (
    "GIT_CONFIG_GLOBAL",
    "HISTORY",
    "MARK",
    "PARAM_HEAD_SHA",
    "PARAM_MERGE_SHA",
    "RESULT_BASE_PATH",
    "RESULT_IMAGE_PATH",
)


def _deploying() -> dict[str, str]:
    return rollout.target_env() | rollout.SMOKE_ENV | {"PARAM_MERGED_BY": "$(params.merged-by)"}


def _proving(args: PromoteTaskArgs) -> dict[str, str]:
    chain = {"AFTER_ROLLOUT_OF": args.marks.environment} if args.marks.chained else {}
    return (
        rollout.SOURCE_ENV
        | chain
        | {
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "RESULT_REASON_PATH": "$(results.reason.path)",
            "PARAM_APPLICATION": "$(params.application)",
            "PARAM_REPOSITORY": "$(params.repository)",
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_MERGE_SHA": "$(params.merge-sha)",
            "PARAM_IMAGE": "$(params.image)",
            "ENVIRONMENT": args.environment,
            "PROMOTES_FROM": args.marks.environment,
            "STALE_BASE": args.stale_base,
            "PUBLIC_KEY": args.marks.public_key,
            "FORMER_KEYS": "\n".join(args.marks.former_keys),
            "MARK_TYPE": rollout.MARK_TYPE,
            "MARK_TIMEOUT": str(args.marks.seconds),
            "MARK_MAX_AGE": str(args.marks.max_age or ""),
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "INSECURE": str(args.registry.insecure).lower(),
            "SCRATCH": SCRATCH,
            "RESULT_IMAGE_PATH": "$(results.image.path)",
            "MARK": f"{rollout.HISTORY_PATH}/mark.json",
            "RESULT_TOUCHED_PATH": "$(results.touched.path)",
            "RESULT_BASE_PATH": "$(results.base.path)",
        }
    )


def _copying(source: Reading) -> dict[str, str]:
    return {
        "PARAM_SOURCE_IMAGE": "$(params.source-image)",
        "SOURCE_CONFIG": SOURCE_CONFIG_PATH,
        "SOURCE_INSECURE": str(source.insecure).lower(),
        "PUSH_CONFIG": PUSH_CONFIG_PATH,
    }
