"""The promotion pipeline: what the former environment vouched for, rolled out without a build once it is proven."""

from components.conventions import DEPLOYER, REPORTER, Manifest
from components.pipelines.target import (
    MERGE_PARAMS,
    Target,
    announce,
    git_secret,
    git_workspace,
    report,
    rollout_params,
    task,
)
from components.pipelines.timeouts import last, limited, rollout
from components.tasks import announce as announce_task
from components.tasks import promote
from components.tasks.step import string_params

PARAMS = MERGE_PARAMS | {"merged-by": "who merged"}


def spec(target: Target, *, approved: bool, announced: bool = False) -> Manifest:
    """Return the Pipeline's spec. One pod between the merge and production, and one that reports.

    One that has to be `approved`, or waits for an environment that gets the same merge before, is `announced`: it says on
    the pull request that it waits.
    """
    values = {"merge-sha": "$(params.merge-sha)", "merged-by": "$(params.merged-by)"}
    if target.source_image:
        values["source-image"] = target.source_image
    if approved:
        values["run"] = "$(context.pipelineRun.name)"
    promoting = task(promote.NAME, rollout_params(target) | values, fetches=target)
    return {
        "description": f"Promote a merged pull request of {target.repository} to {target.environment}.",
        "params": string_params(PARAMS),
        "tasks": [
            *([limited(announce(target))] if announced else []),
            limited(promoting, target.waits + rollout(target)),
        ],
        "finally": [last(report(target))],
    } | git_workspace(target.git_credential)


def run(git: Manifest | None, *, announced: bool = False) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params.

    One that waits for people or for another environment is announced.
    """
    waits = [{"pipelineTaskName": announce_task.NAME, "serviceAccountName": REPORTER}] if announced else []
    return {
        "taskRunTemplate": {"serviceAccountName": DEPLOYER},
        "taskRunSpecs": [
            {"pipelineTaskName": promote.NAME, "serviceAccountName": DEPLOYER},
            {"pipelineTaskName": "report", "serviceAccountName": REPORTER},
            *waits,
        ],
    } | git_secret(git)
