"""The pull-request pipeline: build in an untrusted pod, stage in a trusted one, report. And what a rejection undoes."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import DEPLOYER, REPORTER, SUPERVISOR, UNTRUSTED, Manifest, literal
from components.pipelines.target import (
    Target,
    begin,
    commits_params,
    fetch_params,
    git_secret,
    git_workspace,
    report,
    rollout_params,
    supersede,
    target_params,
    task,
)
from components.pipelines.timeouts import last, limited, rollout
from components.pipelines.untrusted import POD
from components.tasks import begin as begin_task
from components.tasks import build, clean, restore, stage
from components.tasks import needed as needed_task
from components.tasks import supersede as supersede_task
from components.tasks.step import string_params

PARAMS = {"head-sha": "the pull request's head commit: 40 hex digits", "pull-request": "its number"}
# Where a forge keeps a pull request's head.
HEAD = "refs/pull/$(params.pull-request)/head"
REJECTED_PARAMS = {"pull-request": "its number"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How an application is built from its repository."""

    task: str
    """The Task that builds it; one of its own where it has services or build secrets."""
    test_command: str
    """Run by a step of its own; empty where a stage of the Dockerfile is the test."""
    dockerfile: str
    context: str
    target: str
    """The stage that becomes the image; empty for the last one."""
    build_args: Mapping[str, str]
    quarantine_image: str
    source_url: str
    """Where people find the repository."""
    timeout: str
    """How long the pod may take that builds, as Go writes it."""


def spec(target: Target, recipe: Recipe) -> Manifest:
    """Return the Pipeline's spec.

    Two pods lie on the way to staging, split where trust changes. Beside the first one, a third cancels older runs of
    the same pull request and says that this one has started; a last one reports. For an application with paths, another
    one comes first: nothing is built for a pull request that touches none of them.
    """
    building, staging = build_and_stage(target, recipe, "$(params.head-sha)", ref=HEAD)
    first = limited(begin(target))
    tasks = [first, building, staging]
    if target.paths:
        ask, wanted = needed(target, "$(params.head-sha)")
        tasks = [first, ask, building | wanted, staging]
    return {
        "description": f"Test a pull request of {target.repository}, build it, roll it out to {target.environment}.",
        "params": string_params(PARAMS),
        "tasks": tasks,
        "finally": [last(report(target))],
    } | git_workspace(target.git_credential)


def needed(target: Target, commit: str, *, merged_head: str = "", always: str = "no") -> tuple[Manifest, Manifest]:
    """Return the pipeline task that tells whether `commit`, an expression, has to be built; and what waits for a yes."""
    values = commits_params(target) | {"commit": commit, "merged-head": merged_head, "always": always}
    answer = {"input": f"$(tasks.{needed_task.NAME}.results.needed)", "operator": "in", "values": ["yes"]}
    return limited(task(needed_task.NAME, values, fetches=target)), {"when": [answer]}


def build_and_stage(target: Target, recipe: Recipe, commit: str, *, ref: str = "") -> tuple[Manifest, Manifest]:
    """Return the two pipeline tasks between a commit, an expression, and its rollout.

    `ref` is what must be that commit still when it is rolled out.
    """
    arguments = "\n".join(f"{name}={literal(value)}" for name, value in sorted(recipe.build_args.items()))
    building = task(
        build.NAME,
        fetch_params(target)
        | {
            "head-sha": commit,
        }
        | ({"test-command": literal(recipe.test_command)} if recipe.test_command else {})
        | {
            "dockerfile": literal(recipe.dockerfile),
            "context": literal(recipe.context),
            "build-args": arguments,
            "image": recipe.quarantine_image,
            "source-url": recipe.source_url,
            "target": recipe.target,
        },
        runs=recipe.task,
        timeout=recipe.timeout,
        fetches=target,
    )
    built = {"quarantine-image": recipe.quarantine_image, "digest": f"$(tasks.{build.NAME}.results.digest)"}
    values = rollout_params(target) | {"head-sha": commit, "ref": ref} | built
    return building, limited(task(stage.NAME, values, fetches=target), rollout(target))


def rejected_spec(target: Target, *, restores: bool, cleaned: Mapping[str, str] | None) -> Manifest:
    """Return the spec of the Pipeline for a pull request closed unmerged: cancel its runs, then restore if wanted.

    `cleaned` are the repositories that its images are deleted from in the end, as params of that Task; None for nothing.
    """
    tasks = [limited(supersede(target))]
    if restores:
        restoring = task(restore.NAME, target_params(target), runAfter=[supersede_task.NAME])
        tasks.append(limited(restoring, rollout(target, asks=False)))
    if cleaned is not None:
        about = target_params(target) | {"repository": target.repository}
        values = {name: value for name, value in about.items() if name in clean.PARAMS} | dict(cleaned)
        tasks.append(limited(task(clean.NAME, values, runAfter=[tasks[-1]["name"]])))
    return {
        "description": f"Take a rejected pull request of {target.repository} off {target.environment}.",
        "params": string_params(REJECTED_PARAMS),
        "tasks": tasks,
    }


def run(git: Manifest | None) -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params."""
    return {
        # Of Tasks that need no rights: no token is mounted there.
        "taskRunTemplate": {"serviceAccountName": REPORTER},
        "taskRunSpecs": [
            {"pipelineTaskName": build.NAME, "serviceAccountName": UNTRUSTED, "podTemplate": POD},
            {"pipelineTaskName": begin_task.NAME, "serviceAccountName": SUPERVISOR},
            {"pipelineTaskName": stage.NAME, "serviceAccountName": DEPLOYER},
            {"pipelineTaskName": "report", "serviceAccountName": REPORTER},
        ],
    } | git_secret(git)


def rejected_run(*, restores: bool, cleans: bool) -> Manifest:
    """Return what a PipelineRun for a rejected pull request adds to its pipelineRef and params."""
    trusted = ([restore.NAME] if restores else []) + ([clean.NAME] if cleans else [])
    return {
        "taskRunTemplate": {"serviceAccountName": SUPERVISOR},
        "taskRunSpecs": [
            {"pipelineTaskName": supersede_task.NAME, "serviceAccountName": SUPERVISOR},
            *({"pipelineTaskName": name, "serviceAccountName": DEPLOYER} for name in trusted),
        ],
    }
