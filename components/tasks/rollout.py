"""Steps that change what an environment runs, and what they need: shared by the Tasks that roll out."""

from components.conventions import Manifest
from components.tasks.step import API_TOKEN_PATH, api_token, empty_dir

TARGET_PARAMS = {
    "pull-request": "its number",
    "namespace": "the workload namespace",
    "deployment": "the Deployments to roll out, one a line; the first one leads, and its Lease has its name",
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
HISTORY_PATH = "/history"
# Commits without trees and files: those of Linux, a million, take half of it.
HISTORY_SIZE = "1Gi"

# What a step takes that fetches the history of a commit and of the base branch.
SOURCE_ENV = {
    "PARAM_REPOSITORY_URL": "$(params.repository-url)",
    "PARAM_BASE_BRANCH": "$(params.base-branch)",
    "PARAM_PATHS": "$(params.paths)",
    "HISTORY": HISTORY_PATH,
}
SMOKE_ENV = {
    "PARAM_SMOKE_URL": "$(params.smoke-url)",
    "PARAM_SMOKE_STATUS": "$(params.smoke-status)",
    "PARAM_SMOKE_CONTAINS": "$(params.smoke-contains)",
    "PARAM_SMOKE_SECONDS": "$(params.smoke-seconds)",
}


def volumes() -> list[Manifest]:
    """Return the volumes of a step that fetches the history and changes a Deployment."""
    return [api_token(API_TOKEN), empty_dir(HISTORY, HISTORY_SIZE)]


def target_env() -> dict[str, str]:
    """Return what a step takes that changes a Deployment: which one, and as whom."""
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
