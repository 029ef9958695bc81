"""Shipping what a refused merge made: rebuilt where pull requests are delivered, then promoted anew."""

from collections.abc import Callable, Sequence

from kubernetes import client

from components.conventions import DEPLOYER, TEKTON, Manifest, key, labels
from components.pipelines import rebuild
from components.tasks import build, git
from operate import proof
from operate.cluster import Cluster
from operate.errors import OperateError
from operate.runs import EVENT, await_end, create, declared_timeouts, moment, newest, reasons, require_end
from operate.target import Target, target

_NOT_FOUND = 404


def promotes_from(target: Target) -> str:
    """Return the environment whose mark `target` demands. Raises OperateError if its stack does not say so."""
    return proof.declared(target, "name the environment that it promotes from with --in")["vouched-by"]


def way(found: Target, first: str, cluster: Cluster) -> tuple[list[Target], Target]:
    """Return the environments of a chain between the one that builds and `found`, the first one first; and that one.

    `first` is the one before `found`. Raises OperateError where nothing builds.
    """
    between: list[Target] = []
    name = first
    while True:
        source = target(cluster, name, found.application)
        if _builds(source):
            return between, source
        name = promotes_from(source)
        if name in {source.environment, *(each.environment for each in between)}:
            raise OperateError(f"{source} builds nothing, and promotes from none that does")
        between.insert(0, source)


def _builds(source: Target) -> bool:
    try:
        source.cluster.tekton(source.environment, "pipelines", _pipeline(source))
    except client.ApiException as error:
        if error.status != _NOT_FOUND:
            raise
        return False
    return True


def rebuild_chain(
    source: Target, between: Sequence[Target], found: Target, pull_request: int, tell: Callable[[str], None]
) -> list[tuple[Target, Manifest]]:
    """Rebuild a merge as `rebuild_merge` does. Returns the promotions to start anew, of each environment in its turn."""
    before = [(each, _promotion(each, pull_request)) for each in between]
    promotion = rebuild_merge(source, found, pull_request, tell)
    merge = {"params": promotion["spec"]["params"]}
    return [*((each, run | {"spec": run["spec"] | merge}) for each, run in before), (found, promotion)]


def rebuild_merge(source: Target, target: Target, pull_request: int, tell: Callable[[str], None]) -> Manifest:
    """Rebuild what the merge of a pull request made in `source`, and wait for it. Returns the promotion to start anew.

    Where the base branch has moved on since, what it has is rebuilt in its place, and promoted. Raises OperateError if it
    has not been merged, its promotion goes on, or the rebuild fails.
    """
    promotion = _promotion(target, pull_request)
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


def _promotion(target: Target, pull_request: int) -> Manifest:
    """Return the newest promotion of a pull request, which has ended."""
    known = newest(target)
    promotion = known.get(str(pull_request))
    if promotion is None or promotion["metadata"]["labels"].get(EVENT) != "merge":
        there = f"; it heard of #{', #'.join(known)}" if known else ""
        raise OperateError(f"{target} has not heard of a merge of #{pull_request}{there}")
    require_end(promotion)
    return promotion


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
    pipeline = _pipeline(source)
    # One that fetches with a credential binds the Secret of the workspace's own name, or those that its tasks are told.
    declared = source.cluster.tekton(source.environment, "pipelines", pipeline)["spec"]
    fetching = next(task for task in declared["tasks"] if task["name"] == build.NAME)
    told = git.is_told({param["name"]: param["value"] for param in fetching.get("params", [])})
    bound = [git.binding(workspace["name"], by_params=told) for workspace in declared.get("workspaces", [])]
    body = {
        "apiVersion": TEKTON,
        "kind": "PipelineRun",
        "metadata": {
            "name": f"{source.prefix}-{number}-closed-{moment()}",
            "namespace": source.cluster.delivery_namespace(source.environment),
            "labels": labels(environment=source.environment, application=source.application) | about,
            "annotations": {key("retried-by"): source.cluster.whoami()},
        },
        "spec": {
            "pipelineRef": {"name": pipeline},
            "params": [{"name": param, "value": value} for param, value in values.items()],
            **rebuild.run(bound[0] if bound else None),
            **declared_timeouts(declared),
        },
    }
    return create(source, body)


def _pipeline(source: Target) -> str:
    return f"{source.prefix}-rebuild-pipeline"
