"""The promotion pod: prove that a merge is what the environment before this one ran, and roll it out. Never builds.

Where that environment keeps its images in another registry, image and mark are proven there, copied, and proven again
where they are rolled out from.
"""

from dataclasses import dataclass

from components.conventions import Manifest
from components.credential import REGISTRY_PULL, REGISTRY_PUSH, SOURCE_PULL, Credential
from components.settings.environment import Approval
from components.tasks import approve, rollout
from components.tasks.git import Git
from components.tasks.step import (
    SCRATCH,
    SOURCE_CONFIG_PATH,
    empty_dir,
    mount,
    string_params,
    string_results,
)

NAME = "promote"
RESULTS = rollout.RESULTS | {
    "mark": "the statement that proved it, as JSON",
    "touched": "`no` for a merge that does not touch the application",
    "base": "the commit that the base branch has, where that is not what the merge made",
}

PARAMS = rollout.PARAMS | {
    "merge-sha": "the merge commit on the base branch: 40 hex digits",
    "merged-by": "who merged",
}
SOURCE_PARAMS = {"source-image": "repository of the images of the environment before this one"}

# What was copied is there at once, or its registry lost it.
COPY_SECONDS = 30


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


def spec(args: PromoteTaskArgs) -> Manifest:
    """Return the Task's spec."""
    params, volumes = PARAMS, [_volume(REGISTRY_PULL, args.registry)]
    proofs = [_prove(args, args.registry, REGISTRY_PULL, args.marks.seconds)]
    if args.source:
        params = PARAMS | SOURCE_PARAMS
        volumes += [_volume(SOURCE_PULL, args.source), REGISTRY_PUSH.volume()]
        proofs = [
            _prove(args, args.source, SOURCE_PULL, args.marks.seconds, image="$(params.source-image)"),
            _import(args.registry, args.source),
            _prove(args, args.registry, REGISTRY_PULL, COPY_SECONDS, copied=True),
        ]
    approvals = [approve.step(args.approval)] if args.approval else []
    return {
        "description": "Prove that a merged pull request is what the former environment ran, and roll out that digest.",
        "params": string_params(params | (approve.PARAMS if approvals else {})),
        "results": string_results(RESULTS | (approve.RESULTS if approvals else {})),
        "volumes": [*volumes, *rollout.volumes()],
        "steps": [
            rollout.commits(args.git, "$(params.merge-sha)", "$(params.head-sha)"),
            *proofs,
            *approvals,
            rollout.deploy(
                merge_sha="$(params.merge-sha)",
                merged_by="$(params.merged-by)",
                mark="$(results.mark.path)",
                approved_by="$(results.approved-by.path)" if approvals else "",
                base="$(results.base.path)",
            ),
        ],
    } | args.git.workspaces()


def _volume(credential: Credential, registry: Reading) -> Manifest:
    return credential.volume() if registry.authenticated else empty_dir(credential.name)


def _prove(
    args: PromoteTaskArgs,
    registry: Reading,
    credential: Credential,
    seconds: int,
    *,
    image: str = "$(params.image)",
    copied: bool = False,
) -> Manifest:
    prove = rollout.registry_step(
        "prove-copy" if copied else "prove",
        credential,
        runs="prove",
        insecure=registry.insecure,
        env={
            "PARAM_REPOSITORY": "$(params.repository)",
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_BASE_BRANCH": "$(params.base-branch)",
            "PARAM_MERGE_SHA": "$(params.merge-sha)",
            "PARAM_IMAGE": image,
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "ENVIRONMENT": args.environment,
            "PROMOTES_FROM": args.marks.environment,
            "STALE_BASE": args.stale_base,
            "PUBLIC_KEY": args.marks.public_key,
            "FORMER_KEYS": "\n".join(args.marks.former_keys),
            "MARK_TYPE": rollout.MARK_TYPE,
            "MARK_TIMEOUT": str(seconds),
            "MARK_MAX_AGE": str(args.marks.max_age or ""),
            "COPIED": str(copied).lower(),
            "PARAM_APPLICATION": "$(params.application)",
            "PARAM_PATHS": "$(params.paths)",
            "HISTORY": rollout.HISTORY_PATH,
            "CONTENT": rollout.CONTENT_PATH,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "SCRATCH": SCRATCH,
            "RESULT_REASON_PATH": "$(results.reason.path)",
            "RESULT_MARK_PATH": "$(results.mark.path)",
            "RESULT_TOUCHED_PATH": "$(results.touched.path)",
            "RESULT_BASE_PATH": "$(results.base.path)",
        },
    )
    prove["volumeMounts"].append(mount(rollout.HISTORY, "/history", read_only=True))
    return prove


def _import(registry: Reading, source: Reading) -> Manifest:
    """Return the one step that may write to this environment's registry."""
    copy = rollout.registry_step(
        "import",
        REGISTRY_PUSH,
        insecure=registry.insecure,
        env={
            "PARAM_IMAGE": "$(params.image)",
            "PARAM_PULL_REQUEST": "$(params.pull-request)",
            "RESULT_MARK_PATH": "$(results.mark.path)",
            "SOURCE_CONFIG": SOURCE_CONFIG_PATH,
            "SOURCE_INSECURE": str(source.insecure).lower(),
        },
    )
    copy["volumeMounts"].append(SOURCE_PULL.mount(SOURCE_CONFIG_PATH))
    return copy
