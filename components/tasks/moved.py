"""The base branch has moved: open pull requests to it hear that they cannot be promoted as they are.

A merge's own promotion says so too, once it has ended. This is for a push and for a fork's merge as well, and in the name by
which `promotable` is set green: a required check may be pinned to that.
"""

from components.conventions import Manifest
from components.tasks import forge, python, report, rollout
from components.tasks.git import Git
from components.tasks.step import SCRATCH, late_params, string_params, string_results

NAME = "base-moved"

PARAMS = {name: rollout.PARAMS[name] for name in ("repository", "repository-url", "base-branch", "paths")} | {
    "context-suffix": report.CONTEXT_SUFFIX,
    "before": "what the base branch pointed at: 40 hex digits",
    "after": "what it points at now: 40 hex digits",
}


# The pull requests that it tells have numbers of their own.
ABOUT = {name: text for name, text in forge.ABOUT.items() if name != "pull-request"}


def spec(git: Git, *, environment: str, api: forge.Api) -> Manifest:
    """Return the Task's spec."""
    return {
        "description": "Turn tekton-delivery/promotable of other pull requests red.",
        "params": [*string_params(PARAMS), *(late_params(ABOUT) if api.run_url else [])],
        "results": string_results(report.RESULTS),
        "volumes": [forge.volume(api)],
        "steps": [
            python.step(
                "moved",
                env=dict(git.env)
                | forge.env(api, forge.STATUSES | forge.PULL_REQUESTS)
                | forge.page_env(environment=environment, api=api, PARAM_PULL_REQUEST="")
                | {
                    "PARAM_REPOSITORY_URL": "$(params.repository-url)",
                    "PARAM_BASE_BRANCH": "$(params.base-branch)",
                    "PARAM_PATHS": "$(params.paths)",
                    "PARAM_BEFORE": "$(params.before)",
                    "PARAM_AFTER": "$(params.after)",
                    "CONTEXT_SUFFIX": "$(params.context-suffix)",
                    "SCRATCH": SCRATCH,
                    "RESULT_UNTOLD_PATH": "$(results.untold.path)",
                },
                mounts=[forge.credential(api)],
                workspaces=git.mounts(),
            )
        ],
    } | git.workspaces()
