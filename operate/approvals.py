"""Saying yes to a digest before production gets it: by name and for good. The admission policy `approvals` sees to it."""

import hashlib
import json
import sys
import time
from datetime import UTC, datetime

from kubernetes import client

from components.conventions import APPROVAL, AWAITS, DEPLOYER, Manifest, labels
from operate.cluster import APPLICATION_LABEL, ConflictError
from operate.errors import OperateError
from operate.patience import heard
from operate.records import Record
from operate.target import Target
from steps.notes import all_of

POLL_SECONDS = 1.0
_NOT_FOUND = 404
_STATUS_SECONDS = 30.0


class Awaiting(Record):
    """A merge that waits for approvals, as the run notes it on the Deployment."""

    digest: str
    commit: str
    pull_request: str
    merged_by: str
    run: str
    task_run: str
    task_run_uid: str
    count: int
    until: str

    def __str__(self) -> str:
        return f"#{self.pull_request}  {self.digest}  merged by {self.merged_by}, until {self.until}  ({self.run})"


def awaiting(target: Target) -> list[Awaiting]:
    """Return the merges that wait. What is left of a run that was killed ends by its time."""
    found = []
    for name, text in sorted(all_of(target.deployment()).items()):
        if not name.startswith(AWAITS):
            continue
        try:
            item = Awaiting.model_validate(json.loads(text))
            if datetime.fromisoformat(item.until) > datetime.now(UTC):
                found.append(item)
        except (ValueError, TypeError, RecursionError):  # pydantic's and json's; a time without a zone; what is too deep
            print(
                f"cannot be read and is left out, the annotation {name} of {target.name}: not what a run notes",
                file=sys.stderr,
            )
    return found


def approve(target: Target, wanted: str | None, reason: str | None) -> Awaiting:
    """Approve the digest of a waiting merge: the named run or pull request, or the only one."""
    waiting = awaiting(target)
    there = "\n".join(f"  {item}" for item in waiting)
    if not waiting:
        raise OperateError(f"nothing waits for approval on {target}")
    found = [item for item in waiting if wanted is None or wanted.removeprefix("#") in (item.run, item.pull_request)]
    if not found:
        raise OperateError(f"{wanted} does not wait for approval on {target}; what waits:\n{there}")
    if len(found) > 1:
        raise OperateError(f"several wait for approval on {target}; name one by its pull request:\n{there}")
    (item,) = found
    _require_run(target, item)
    by = target.cluster.whoami()
    who = hashlib.sha256(by.encode()).hexdigest()[:8]
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"approval-{target.application}-{item.digest.removeprefix('sha256:')[:12]}-{who}",
            "labels": labels(environment=target.environment, application=target.application)
            | {"app.kubernetes.io/managed-by": "operate", APPROVAL: target.name},
            # It goes when the run goes.
            "ownerReferences": [
                {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": item.task_run, "uid": item.task_run_uid}
            ],
        },
        "immutable": True,
        "data": {"digest": item.digest, "approver": by} | ({"reason": reason} if reason else {}),
    }
    try:
        target.cluster.create_config_map(target.environment, body)
    except ConflictError:
        raise OperateError(f"{by} has approved {item.digest} already; it takes {item.count} people") from None
    return item


def _require_run(target: Target, item: Awaiting) -> None:
    """Hold what is noted to the run that noted it: who stole the deployer's token writes notes, and no runs."""
    deadline = time.monotonic() + _STATUS_SECONDS
    while True:
        run = heard(lambda: _run(target, item))
        proven = _proven(run)
        # A step that has ended shows in the run's status a little later.
        if proven or run.get("status", {}).get("completionTime") or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    given = {param["name"]: param["value"] for param in run["spec"].get("params", [])}
    noted = {"head-sha": item.commit, "pull-request": item.pull_request, "merged-by": item.merged_by, "run": item.run}
    different = [name for name, value in noted.items() if given.get(name) != value]
    facts = {
        "uid": run["metadata"]["uid"] == item.task_run_uid,
        "service account": run["spec"].get("serviceAccountName") == DEPLOYER,
        "application": run["metadata"]["labels"].get(APPLICATION_LABEL) == target.application,
        "end": not run.get("status", {}).get("completionTime"),
        "digest": proven == item.digest,
    }
    different += [name for name, same in facts.items() if not same]
    if different:
        raise OperateError(
            f"what is noted to wait for approval is not what the run {item.task_run} waits for ({', '.join(different)}): "
            f"somebody else wrote it, or the run has ended; see the annotation {AWAITS}{item.pull_request} of {target.name}"
        )


def _run(target: Target, item: Awaiting) -> Manifest:
    try:
        return target.cluster.tekton(target.environment, "taskruns", item.task_run)
    except client.ApiException as error:
        if error.status != _NOT_FOUND:
            raise
        raise OperateError(f"#{item.pull_request} does not wait for approval: its run {item.task_run} is gone") from None


def _proven(run: Manifest) -> str | None:
    """Return the digest that was proven last. Of a run that goes on, Tekton shows what each step has said as it ended."""
    steps = run.get("status", {}).get("steps", [])
    said = [step["terminated"]["message"] for step in steps if step.get("terminated", {}).get("message")]
    images = [result["value"] for text in said for result in json.loads(text) if result["key"] == "image"]
    return images[-1].rpartition("@")[2] if images else None
