"""Shipping what a refused merge made: rebuilt where pull requests are delivered, then promoted anew."""

from collections.abc import Callable

from components.conventions import TEKTON, Manifest, delivery_namespace, key, labels
from components.pipelines import rebuild
from operate.errors import OperateError
from operate.runs import EVENT, await_end, create, moment, newest, reasons, require_end
from operate.target import Target


def rebuild_merge(source: Target, target: Target, pull_request: int, tell: Callable[[str], None]) -> Manifest:
    """Rebuild what the merge of a pull request made in `source`, and wait for it. Returns the promotion to start anew.

    Raises OperateError if it has not been merged, its promotion goes on, or the rebuild fails.
    """
    known = newest(target)
    promotion = known.get(str(pull_request))
    if promotion is None or promotion["metadata"]["labels"].get(EVENT) != "merge":
        there = f"; it heard of #{', #'.join(known)}" if known else ""
        raise OperateError(f"{target} has not heard of a merge of #{pull_request}{there}")
    require_end(promotion)
    made = start(source, {param["name"]: param["value"] for param in promotion["spec"]["params"]})
    tell(f"started {made}; {source} rebuilds what was merged")
    ended = await_end(source, made)
    if ended["status"] != "True":
        raise OperateError(f"{made} failed, so nothing is promoted: {reasons(source).get(made) or ended['message']}")
    return promotion


def start(source: Target, merge: dict[str, str]) -> str:
    """Start the rebuild of a merge. Returns the run's name."""
    number = merge["pull-request"]
    about = {key("event"): "rebuild", key("pull-request"): number, key("commit"): merge["head-sha"]}
    values = {param: merge[param] for param in rebuild.PARAMS} | {"always": "yes"}
    pipeline = f"{source.application}-{source.environment}-rebuild-pipeline"
    # One that fetches with a credential binds the Secret of the workspace's own name.
    declared = source.cluster.tekton(source.environment, "pipelines", pipeline)["spec"].get("workspaces", [])
    (credential,) = [workspace["name"] for workspace in declared] or [None]
    body = {
        "apiVersion": TEKTON,
        "kind": "PipelineRun",
        "metadata": {
            "name": f"{source.application}-{source.environment}-{number}-closed-{moment()}",
            "namespace": delivery_namespace(source.environment),
            "labels": labels(environment=source.environment, application=source.application) | about,
            "annotations": {key("retried-by"): source.cluster.whoami()},
        },
        "spec": {
            "pipelineRef": {"name": pipeline},
            "params": [{"name": param, "value": value} for param, value in values.items()],
            **rebuild.run(credential),
        },
    }
    return create(source, body)
