"""The promotion pipeline: the image that staging ran for a merged pull request, rolled out without a build."""

from components.access import DEPLOYER, REPORTER
from components.conventions import Manifest
from components.pipelines.target import Target, report, rollout_params, task
from components.tasks import promote
from components.tasks.step import string_params

PARAMS = {"head-sha": "the merged pull request's head commit: 40 hex digits", "pull-request": "its number"}


def spec(target: Target) -> Manifest:
    """Return the Pipeline's spec. One pod between the merge and production, and one that reports."""
    return {
        "description": f"Promote a merged pull request of {target.repository} to {target.environment}.",
        "params": string_params(PARAMS),
        "tasks": [task(promote.NAME, rollout_params(target))],
        "finally": [report(target)],
    }


def run() -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params."""
    return {
        "taskRunTemplate": {"serviceAccountName": DEPLOYER},
        "taskRunSpecs": [
            {"pipelineTaskName": promote.NAME, "serviceAccountName": DEPLOYER},
            {"pipelineTaskName": "report", "serviceAccountName": REPORTER},
        ],
    }
