"""The pull-request pipeline: build in an untrusted pod, stage in a trusted one, report."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.access import DEPLOYER, REPORTER, UNTRUSTED
from components.conventions import Manifest
from components.credentials import SSH_DIRECTORY
from components.pipelines.target import Target, report, rollout_params, task
from components.tasks import build, stage
from components.tasks.step import string_params

PARAMS = {"head-sha": "the pull request's head commit: 40 hex digits", "pull-request": "its number"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """How an application is built from its repository."""

    repository_url: str
    test_command: str
    dockerfile: str
    context: str
    build_args: Mapping[str, str]
    quarantine_image: str


def spec(target: Target, source: Source) -> Manifest:
    """Return the Pipeline's spec. Two pods on the way to staging, split where trust changes, and one that reports."""
    arguments = "\n".join(f"{name}={value}" for name, value in sorted(source.build_args.items()))
    return {
        "description": f"Test a pull request of {target.repository}, build it, roll it out to {target.environment}.",
        "params": string_params(PARAMS),
        "workspaces": [{"name": SSH_DIRECTORY}],
        "tasks": [
            task(
                build.NAME,
                {
                    "repository-url": source.repository_url,
                    "head-sha": "$(params.head-sha)",
                    "test-command": source.test_command,
                    "dockerfile": source.dockerfile,
                    "context": source.context,
                    "build-args": arguments,
                    "image": source.quarantine_image,
                },
                workspaces=[{"name": SSH_DIRECTORY, "workspace": SSH_DIRECTORY}],
            ),
            task(
                stage.NAME,
                rollout_params(target)
                | {"quarantine-image": source.quarantine_image, "digest": f"$(tasks.{build.NAME}.results.digest)"},
            ),
        ],
        "finally": [report(target)],
    }


def run(timeout: str) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params."""
    return {
        "taskRunTemplate": {"serviceAccountName": UNTRUSTED},
        "taskRunSpecs": [
            {
                "pipelineTaskName": build.NAME,
                "serviceAccountName": UNTRUSTED,
                # Uid 0 of the image step is an unprivileged user of the node.
                "podTemplate": {"automountServiceAccountToken": False, "hostUsers": False, "enableServiceLinks": False},
                "timeout": timeout,
            },
            {"pipelineTaskName": stage.NAME, "serviceAccountName": DEPLOYER},
            {"pipelineTaskName": "report", "serviceAccountName": REPORTER},
        ],
        "workspaces": [{"name": SSH_DIRECTORY, "secret": {"secretName": SSH_DIRECTORY}}],
    }
