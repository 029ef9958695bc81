"""What may come back: images of the environment's own repository that were vouched for.

What a Deployment has recorded proves nothing, for whoever delivers may write there. What the stack has declared, marks in
the registry and runs do.
"""

import json
import re
import secrets
from collections.abc import Callable

from kubernetes import client

from components.conventions import DEPLOYER, TEKTON, Manifest, key, labels
from components.pipelines import proof
from operate.errors import OperateError
from operate.patience import heard
from operate.records import Served
from operate.runs import await_end, create, moment, results
from operate.target import Target

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHA = re.compile(r"[0-9a-f]{40}")
WAY_OUT = "to roll it out nevertheless, by your word alone: --unproven"
_NOT_FOUND = 404


def proven(target: Target, entry: Served, say: Callable[[str], None]) -> Served:
    """Return an entry with the mark that proves it. Raises OperateError if nothing does."""
    stated = declared(target, WAY_OUT)
    if entry.image != f"{stated['image']}@{entry.digest}" or not _DIGEST.fullmatch(entry.digest):
        raise OperateError(f"{entry.image} is no image of {stated['image']}, where {target} has its own; {WAY_OUT}")
    if not _SHA.fullmatch(entry.commit or "") or not _SHA.fullmatch(entry.merge_commit or entry.commit or ""):
        raise OperateError(f"{entry.digest} is recorded for no commit; {WAY_OUT}")
    if stated["vouched-by"] != target.environment:
        # A mark says that it was tested. That it was merged, and when, only the run knows that promoted it.
        _require_promotion(target, entry)
    name = create(target, _run(target, entry))
    say(f"started {name}; it looks for the mark of {entry.digest}")
    ended = await_end(target, name)
    said = heard(lambda: results(target, name))
    if ended["status"] != "True" or "mark" not in said:
        reason = said.get("reason") or ended.get("message", "")
        raise OperateError(f"{entry.digest} is not proven: {reason}; {WAY_OUT}")
    mark = json.loads(said["mark"])
    return entry.model_copy(update={"mark": mark, "pull_request": str(mark.get("pullRequest") or entry.pull_request)})


def declared(target: Target, way_out: str) -> dict[str, str]:
    """Return what the stack says of the application. The deployer cannot write there.

    Raises OperateError with the way out where the stack is of a version that said nothing.
    """
    try:
        pipeline = target.cluster.tekton(target.environment, "pipelines", _pipeline(target))
    except client.ApiException as error:
        if error.status != _NOT_FOUND:
            raise
        raise OperateError(
            f"nothing here proves images of {target}: its stack is of an older version; run `pulumi up`, or {way_out}"
        ) from None
    (task,) = pipeline["spec"]["tasks"]
    return {param["name"]: param["value"] for param in task["params"]}


def _pipeline(target: Target) -> str:
    return f"{target.prefix}-proof-pipeline"


def _require_promotion(target: Target, entry: Served) -> None:
    wanted = {"head-sha": entry.commit, "merge-sha": entry.merge_commit}
    for task in target.cluster.runs(target.environment, "taskruns", target.application):
        given = {param["name"]: param["value"] for param in task["spec"].get("params", [])}
        status = task.get("status", {})
        served = {item["value"] for item in status.get("results", []) if item["name"] == "image"}
        succeeded = [condition["status"] for condition in status.get("conditions", [])] == ["True"]
        trusted = task["spec"].get("serviceAccountName") == DEPLOYER
        if trusted and succeeded and served == {entry.image} and wanted.items() <= given.items():
            return
    raise OperateError(
        f"no run that is left promoted {entry.digest} as {entry.merge_commit} (`keepRuns` says how many are left); {WAY_OUT}"
    )


def _run(target: Target, entry: Served) -> Manifest:
    asked = {"digest": entry.digest, "commit": entry.commit, "merge-commit": entry.merge_commit or ""}
    return {
        "apiVersion": TEKTON,
        "kind": "PipelineRun",
        "metadata": {
            "name": f"{target.prefix}-proof-{moment()}-{secrets.token_hex(2)}",
            "namespace": target.cluster.delivery_namespace(target.environment),
            "labels": labels(environment=target.environment, application=target.application) | {key("event"): "proof"},
            "annotations": {key("started-by"): target.cluster.whoami()},
        },
        "spec": {
            "pipelineRef": {"name": _pipeline(target)},
            "params": [{"name": name, "value": value} for name, value in asked.items()],
            **proof.run(),
        },
    }
