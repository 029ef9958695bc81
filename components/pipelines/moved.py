"""The pipeline for a base branch that has moved, by a merge or by a push: it tells the pull requests that are open."""

from components.conventions import REPORTER, Manifest
from components.pipelines.target import RUN, Target, commits_params, git_secret, git_workspace, task
from components.pipelines.timeouts import limited
from components.tasks import moved
from components.tasks.step import string_params

PARAMS = {name: moved.PARAMS[name] for name in ("before", "after")}


def spec(target: Target) -> Manifest:
    """Return the Pipeline's spec."""
    values = {name: f"$(params.{name})" for name in PARAMS}
    about = {"repository": target.repository, "context-suffix": target.context_suffix}
    about |= {"run": RUN, "application": target.application} if target.linked else {}
    return {
        "description": f"Tell open pull requests of {target.repository} that {target.base_branch} has moved.",
        "params": string_params(PARAMS),
        "tasks": [limited(task(moved.NAME, commits_params(target) | about | values, fetches=target))],
    } | git_workspace(target.git_credential)


def run(git: Manifest | None) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params."""
    return {
        "taskRunTemplate": {"serviceAccountName": REPORTER},
        "taskRunSpecs": [{"pipelineTaskName": moved.NAME, "serviceAccountName": REPORTER}],
    } | git_secret(git)
