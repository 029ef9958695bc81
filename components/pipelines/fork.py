"""The pipeline for a fork's pull request: its tests, at the word of somebody who may write. It stages nothing."""

from dataclasses import replace

from components.conventions import REPORTER, UNTRUSTED, Manifest, literal
from components.pipelines.target import Target, fetch_params, git_secret, git_workspace, report, task
from components.pipelines.timeouts import last, limited
from components.pipelines.untrusted import POD
from components.tasks import permit, tests
from components.tasks.step import string_params

# The Task that tells how it ended, and what its commit status is called after `tekton-delivery/`.
REPORT = "report-tests"
CONTEXT = "tests"

PARAMS = {
    "head-sha": "the commit that the comment names: 40 hex digits",
    "pull-request": "its number",
    "commenter": "login of who commented",
    "comment": "the comment's number on the forge",
}


def spec(target: Target, test_command: str, tests_task: str, timeout: str) -> Manifest:
    """Return the Pipeline's spec; `tests_task` is the Task that tests, and takes no longer than `timeout`.

    What a stranger says ends after the first pod, and nobody is told.
    """
    permitted = f"$(tasks.{permit.NAME}.results.permitted)"
    # Nothing is rolled out there.
    ended = last(report(replace(target, url=""), name=REPORT, status=f"$(tasks.{tests.NAME}.status)"))
    return {
        "description": f"Test a fork's pull request of {target.repository} once somebody has vouched for it.",
        "params": string_params(PARAMS),
        "tasks": [
            limited(
                task(
                    permit.NAME,
                    {
                        "repository": target.repository,
                        "base-branch": target.base_branch,
                        "pull-request": "$(params.pull-request)",
                        "head-sha": "$(params.head-sha)",
                        "commenter": "$(params.commenter)",
                        "comment": "$(params.comment)",
                    },
                )
            ),
            task(
                tests.NAME,
                fetch_params(target)
                | {
                    "pull-request": "$(params.pull-request)",
                    "head-sha": "$(params.head-sha)",
                    "test-command": literal(test_command),
                },
                runs=tests_task,
                when=[{"input": permitted, "operator": "in", "values": [permit.YES]}],
                timeout=timeout,
                fetches=target,
            ),
        ],
        "finally": [ended | {"when": [{"input": permitted, "operator": "in", "values": [permit.YES, permit.STALE]}]}],
    } | git_workspace(target.git_credential)


def run(git: Manifest | None) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params."""
    return {
        "taskRunTemplate": {"serviceAccountName": UNTRUSTED},
        "taskRunSpecs": [
            {"pipelineTaskName": permit.NAME, "serviceAccountName": REPORTER},
            {"pipelineTaskName": tests.NAME, "serviceAccountName": UNTRUSTED, "podTemplate": POD},
            {"pipelineTaskName": REPORT, "serviceAccountName": REPORTER},
        ],
    } | git_secret(git)
