"""Shipping what a refused merge made: rebuilt where pull requests are delivered, then promoted anew."""

from collections.abc import Callable

from components.conventions import DEPLOYER, TEKTON, Manifest, delivery_namespace, key, labels
from components.pipelines import rebuild
from operate import proof
from operate.errors import OperateError
from operate.runs import EVENT, await_end, create, declared_timeouts, moment, newest, reasons, require_end
from operate.target import Target


def promotes_from(target: Target) -> str:
    """Return the environment whose mark `target` demands. Raises OperateError if its stack does not say so."""
    return proof.declared(target, "name the environment that it promotes from with --in")["vouched-by"]


def rebuild_merge(source: Target, target: Target, pull_request: int, tell: Callable[[str], None]) -> Manifest:
    """Rebuild what the merge of a pull request made in `source`, and wait for it. Returns the promotion to start anew.

    Where the base branch has moved on since, what it has is rebuilt in its place, and promoted. Raises OperateError if it
    has not been merged, its promotion goes on, or the rebuild fails.
    """
    known = newest(target)
    promotion = known.get(str(pull_request))
    if promotion is None or promotion["metadata"]["labels"].get(EVENT) != "merge":
        there = f"; it heard of #{', #'.join(known)}" if known else ""
        raise OperateError(f"{target} has not heard of a merge of #{pull_request}{there}")
    require_end(promotion)
    merge = {param["name"]: param["value"] for param in promotion["spec"]["params"]}
    base = _moved_on_to(target, promotion)
    if base:
        merge["merge-sha"] = base
    made = start(source, merge)
    tell(f"started {made}; {source} rebuilds {'what the base branch has' if base else 'what was merged'}")
    ended = await_end(source, made)
    if ended["status"] != "True":
        raise OperateError(f"{made} failed, so nothing is promoted: {reasons(source).get(made) or ended['message']}")
    params = [{"name": name, "value": value} for name, value in merge.items()]
    return promotion | {"spec": promotion["spec"] | {"params": params}}


def _moved_on_to(target: Target, promotion: Manifest) -> str | None:
    """Return the commit that the base branch had when a promotion was refused for that."""
    for task in target.cluster.runs(target.environment, "taskruns", target.application):
        mine = task["metadata"]["labels"].get("tekton.dev/pipelineRun") == promotion["metadata"]["name"]
        # Any step can add results to its TaskRun: one that ran the pull request's code is not believed.
        if mine and task["spec"].get("serviceAccountName") == DEPLOYER:
            for result in task.get("status", {}).get("results", []):
                if result["name"] == "base":
                    return str(result["value"])
    return None


def start(source: Target, merge: dict[str, str]) -> str:
    """Start the rebuild of a merge. Returns the run's name."""
    number = merge["pull-request"]
    about = {key("event"): "rebuild", key("pull-request"): number, key("commit"): merge["head-sha"]}
    values = {param: merge[param] for param in rebuild.PARAMS} | {"always": "yes"}
    pipeline = f"{source.application}-{source.environment}-rebuild-pipeline"
    # One that fetches with a credential binds the Secret of the workspace's own name.
    declared = source.cluster.tekton(source.environment, "pipelines", pipeline)["spec"]
    (credential,) = [workspace["name"] for workspace in declared.get("workspaces", [])] or [None]
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
            **declared_timeouts(declared),
        },
    }
    return create(source, body)
