"""Steps that change what an environment runs, and what they need: shared by the Tasks that roll out."""

from collections.abc import Mapping

from components.conventions import FIELD_MANAGER, Manifest
from components.tasks.git import Git
from components.tasks.step import (
    API_TOKEN_PATH,
    DOCKER_CONFIG_PATH,
    SCRATCH,
    api_token,
    empty_dir,
    mount,
    step,
)

TARGET_PARAMS = {
    "pull-request": "its number",
    "namespace": "the workload namespace",
    "deployment": "the Deployment to roll out; its Lease has the same name",
    "container": "the container that runs the image",
    "timeout": "how long a rollout may take, e.g. 5m",
    "timeout-seconds": "the same in seconds",
}
PARAMS = (
    TARGET_PARAMS
    | {
        "application": "its name, of which the mark speaks",
        "paths": "what in the repository the application is made of, one a line; empty for all of it",
        "repository": "owner/name on the forge",
        "repository-url": "where git fetches",
        "base-branch": "the branch that pull requests are merged to",
        "head-sha": "the pull request's head commit: 40 hex digits",
        "image": "repository of the application's images",
    }
    | {
        "smoke-url": "what the smoke check asks; empty without one",
        "smoke-status": "the status that the answer must have",
        "smoke-contains": "what must be in the answer, or empty",
        "smoke-seconds": "how long a wrong answer is asked again",
    }
)
REASON = {"reason": "how it ended, in one line"}
RESULTS = {"image": "what was rolled out, by digest"} | REASON

# The predicate type of the mark's in-toto statement.
MARK_TYPE = "https://tekton-delivery/mark/v1"

API_TOKEN = "kubernetes-api"
HISTORY = "history"
HISTORY_PATH = "/history/commits.git"
CONTENT_PATH = "/history/content.json"
# Commits without trees and files: those of Linux, a million, take half of it.
HISTORY_SIZE = "1Gi"


def volumes() -> list[Manifest]:
    """Return the volumes that the commits and the deploy step mount."""
    return [api_token(API_TOKEN), empty_dir(HISTORY, HISTORY_SIZE)]


def commits(git: Git, commit: str, merged_head: str = "", *, compare: bool = False) -> Manifest:
    """Return the step that fetches the history of `commit`, an expression, and of the base branch.

    `merged_head`, an expression, is for a merge: the pull request's head. `compare` asks whether the merge made what it was.
    """
    return step(
        "commits",
        env=dict(git.env)
        | {
            "PARAM_REPOSITORY_URL": "$(params.repository-url)",
            "PARAM_BASE_BRANCH": "$(params.base-branch)",
            "PARAM_COMMIT": commit,
            "PARAM_MERGED_HEAD": merged_head,
            "PARAM_PATHS": "$(params.paths)",
            "COMPARE": str(compare).lower(),
            "HISTORY": HISTORY_PATH,
            "CONTENT": CONTENT_PATH,
        },
        mounts=[mount(HISTORY, "/history")],
        ephemeral_storage=HISTORY_SIZE,
        workspaces=git.mounts(),
    )


def note_env() -> dict[str, str]:
    """Return what rollout.sh takes: which Deployment to change, and as whom."""
    return {
        "PARAM_PULL_REQUEST": "$(params.pull-request)",
        "PARAM_DEPLOYMENT": "$(params.deployment)",
        "PARAM_CONTAINER": "$(params.container)",
        "NAMESPACE": "$(params.namespace)",
        "RUN": "$(context.taskRun.name)",
        "FIELD_MANAGER": FIELD_MANAGER,
        "ROLLOUT_SECONDS": "$(params.timeout-seconds)",
        "SCRATCH": SCRATCH,
        "RESULT_REASON_PATH": "$(results.reason.path)",
    }


def target_env() -> dict[str, str]:
    """Return what a step takes that changes the image of a Deployment and waits for it."""
    return note_env() | {"PARAM_TIMEOUT": "$(params.timeout)"}


def python_target_env() -> dict[str, str]:
    """Return what a step in Python takes that changes a Deployment."""
    return {
        "PARAM_PULL_REQUEST": "$(params.pull-request)",
        "PARAM_DEPLOYMENT": "$(params.deployment)",
        "PARAM_CONTAINER": "$(params.container)",
        "PARAM_TIMEOUT": "$(params.timeout)",
        "ROLLOUT_SECONDS": "$(params.timeout-seconds)",
        "NAMESPACE": "$(params.namespace)",
        "RUN": "$(context.taskRun.name)",
        "API_ACCESS": API_TOKEN_PATH,
        "RESULT_REASON_PATH": "$(results.reason.path)",
    }


def deploy(*, merge_sha: str = "", merged_by: str = "", mark: str = "", approved_by: str = "", base: str = "") -> Manifest:
    """Return the step that rolls out the image of the result `image`, and restores the former one if it fails.

    `merge_sha`, an expression, makes it keep the order of merges; the step then reads the fetched history. `mark` and
    `approved_by` are the paths of the statement that proved the image and of the people's names who approved it; `base` is
    that of what the base branch has in place of what the merge made.
    """
    return step(
        "deploy",
        env=target_env()
        | {
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_MERGE_SHA": merge_sha,
            "PARAM_MERGED_BY": merged_by,
            "MARK_PATH": mark,
            "PARAM_SMOKE_URL": "$(params.smoke-url)",
            "PARAM_SMOKE_STATUS": "$(params.smoke-status)",
            "PARAM_SMOKE_CONTAINS": "$(params.smoke-contains)",
            "PARAM_SMOKE_SECONDS": "$(params.smoke-seconds)",
            "APPROVED_BY_PATH": approved_by,
            "BASE_PATH": base,
            "HISTORY": HISTORY_PATH,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "RESULT_IMAGE_PATH": "$(results.image.path)",
        },
        mounts=[mount(API_TOKEN, API_TOKEN_PATH, read_only=True), mount(HISTORY, "/history", read_only=True)],
    )


def registry_step(name: str, volume: str, *, insecure: bool, env: Mapping[str, str], runs: str | None = None) -> Manifest:
    """Return a step that works on the registry with the credential of `volume`; `runs` is its script if not its name's."""
    return step(
        name,
        runs=runs,
        env={
            "INSECURE": str(insecure).lower(),
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "RESULT_IMAGE_PATH": "$(results.image.path)",
        }
        | dict(env),
        mounts=[mount(volume, DOCKER_CONFIG_PATH, read_only=True)],
    )
