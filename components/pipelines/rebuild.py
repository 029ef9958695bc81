"""The rebuild pipeline: what a merge made, where it is not what the pull request's head was, taken through the same pods.

It starts after each merge where `staleBase` is `rebuild`, and by `python -m operate rebuild` in any case. The mark speaks of
the merge commit then, and the next environment accepts it.
"""

from components.conventions import DEPLOYER, REPORTER, UNTRUSTED, Manifest
from components.pipelines.pull_request import Recipe, build_and_stage, needed
from components.pipelines.target import MERGE_PARAMS, Target, git_secret, git_workspace, report
from components.pipelines.timeouts import last
from components.pipelines.untrusted import POD
from components.tasks import build, stage
from components.tasks.step import string_params

PARAMS = MERGE_PARAMS
ALWAYS = {"name": "always", "type": "string", "default": "no", "description": "`yes` to build whatever was built before"}


def spec(target: Target, recipe: Recipe) -> Manifest:
    """Return the Pipeline's spec."""
    ask, wanted = needed(target, "$(params.merge-sha)", merged_head="$(params.head-sha)", always="$(params.always)")
    building, staging = build_and_stage(target, recipe, "$(params.merge-sha)")
    return {
        "description": f"Rebuild what a merge to {target.base_branch} of {target.repository} made, on {target.environment}.",
        "params": [*string_params(PARAMS), ALWAYS],
        "tasks": [ask, building | wanted, staging],
        # The status of the pull request's own run stays where nothing was rebuilt.
        "finally": [last(report(target)) | wanted],
    } | git_workspace(target.git_credential)


def run(git: Manifest | None) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params."""
    return {
        "taskRunTemplate": {"serviceAccountName": REPORTER},
        "taskRunSpecs": [
            {"pipelineTaskName": build.NAME, "serviceAccountName": UNTRUSTED, "podTemplate": POD},
            {"pipelineTaskName": stage.NAME, "serviceAccountName": DEPLOYER},
            {"pipelineTaskName": "report", "serviceAccountName": REPORTER},
        ],
    } | git_secret(git)
