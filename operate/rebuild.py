"""Shipping what a refused merge made: rebuilt where pull requests are delivered, then promoted anew."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from components.conventions import Manifest, delivery_namespace, key, labels
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.queue import EVENT, newest
from operate.target import Target

POLL_SECONDS = 3.0

PARAMS = ("head-sha", "pull-request", "merge-sha")
# What components/pipelines/rebuild.py gives its runs, which takes Pulumi to import.
RUN: Manifest = {
    "taskRunTemplate": {"serviceAccountName": "reporter"},
    "taskRunSpecs": [
        {
            "pipelineTaskName": "build",
            "serviceAccountName": "untrusted",
            "podTemplate": {"automountServiceAccountToken": False, "hostUsers": False, "enableServiceLinks": False},
        },
        {"pipelineTaskName": "stage", "serviceAccountName": "deployer"},
        {"pipelineTaskName": "report", "serviceAccountName": "reporter"},
    ],
    "workspaces": [{"name": "ssh-directory", "secret": {"secretName": "ssh-directory"}}],
}


def rebuild_merge(source: Target, target: Target, pull_request: int, tell: Callable[[str], None]) -> Manifest:
    """Rebuild what the merge of a pull request made in `source`, and wait for it. Returns the promotion to start anew.

    Raises OperateError if it has not been merged, its promotion goes on, or the rebuild fails.
    """
    known = newest(target)
    promotion = known.get(str(pull_request))
    if promotion is None or promotion["metadata"]["labels"].get(EVENT) != "merge":
        there = f"; it heard of #{', #'.join(known)}" if known else ""
        raise OperateError(f"{target} has not heard of a merge of #{pull_request}{there}")
    if not promotion.get("status", {}).get("completionTime"):
        raise OperateError(f"{promotion['metadata']['name']} has not ended; cancel it or wait")
    made = start(source, {param["name"]: param["value"] for param in promotion["spec"]["params"]})
    tell(f"started {made}; {source} rebuilds what was merged")
    await_end(source, made)
    return promotion


def start(source: Target, merge: dict[str, str]) -> str:
    """Start the rebuild of a merge. Returns the run's name."""
    number = merge["pull-request"]
    name = f"{source.application}-{source.environment}-{number}-closed-{datetime.now(UTC):%Y%m%d%H%M%S}"
    about = {key("event"): "rebuild", key("pull-request"): number, key("commit"): merge["head-sha"]}
    values = {param: merge[param] for param in PARAMS} | {"always": "yes"}
    body = {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": name,
            "namespace": delivery_namespace(source.environment),
            "labels": labels(environment=source.environment, application=source.application) | about,
            "annotations": {key("retried-by"): source.cluster.whoami()},
        },
        "spec": {
            "pipelineRef": {"name": f"{source.application}-{source.environment}-rebuild-pipeline"},
            "params": [{"name": param, "value": value} for param, value in values.items()],
            **RUN,
        },
    }
    try:
        source.cluster.create_run(source.environment, body)
    except ConflictError:
        raise OperateError(f"{name} has just been started by somebody else") from None
    return name


def await_end(source: Target, name: str) -> None:
    """Wait for a run to end. Its own timeouts are the limit. Raises OperateError if it fails."""
    while True:
        (run,) = (
            item
            for item in source.cluster.runs(source.environment, "pipelineruns", source.application)
            if item["metadata"]["name"] == name
        )
        if run.get("status", {}).get("completionTime"):
            break
        time.sleep(POLL_SECONDS)
    (condition,) = run["status"]["conditions"]
    if condition["status"] != "True":
        raise OperateError(f"{name} failed, so nothing is promoted: {reason(source, name) or condition['message']}")


def reason(source: Target, name: str) -> str:
    """Return what a run's steps say of how it ended, if anything."""
    return next(
        (
            str(result["value"])
            for task in source.cluster.runs(source.environment, "taskruns", source.application)
            if task["metadata"]["labels"]["tekton.dev/pipelineRun"] == name
            for result in task.get("status", {}).get("results", [])
            if result["name"] == "reason"
        ),
        "",
    )
