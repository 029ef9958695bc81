"""The promotion pipeline: what the former environment vouched for, rolled out without a build once it is proven."""

from components.access import REPORTER
from components.conventions import DEPLOYER, Manifest
from components.credentials import SSH_DIRECTORY
from components.pipelines.target import Target, report, rollout_params, ssh_secret, ssh_workspace, task
from components.tasks import promote
from components.tasks.step import string_params

PARAMS = {
    "head-sha": "the merged pull request's head commit: 40 hex digits",
    "pull-request": "its number",
    "merge-sha": "the merge commit on the base branch: 40 hex digits",
    "merged-by": "who merged",
}


def spec(target: Target) -> Manifest:
    """Return the Pipeline's spec. One pod between the merge and production, and one that reports."""
    values = {
        "merge-sha": "$(params.merge-sha)",
        "merged-by": "$(params.merged-by)",
        "run": "$(context.pipelineRun.name)",
    }
    if target.source_image:
        values["source-image"] = target.source_image
    return {
        "description": f"Promote a merged pull request of {target.repository} to {target.environment}.",
        "params": string_params(PARAMS),
        "workspaces": [{"name": SSH_DIRECTORY}],
        "tasks": [task(promote.NAME, rollout_params(target) | values, workspaces=ssh_workspace())],
        "finally": [report(target)],
    }


def run(timeout: str | None = None) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params.

    `timeout` is for one that may wait longer than runs usually take.
    """
    return {
        "taskRunTemplate": {"serviceAccountName": DEPLOYER},
        "taskRunSpecs": [
            {"pipelineTaskName": promote.NAME, "serviceAccountName": DEPLOYER},
            {"pipelineTaskName": "report", "serviceAccountName": REPORTER},
        ],
        "workspaces": ssh_secret(),
    } | ({"timeouts": {"pipeline": timeout}} if timeout else {})
