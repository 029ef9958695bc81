"""Deletes ended runs, but for each application the newest ones. Their TaskRuns and pods go with them.

So it does with Jobs before rollouts. Each run has made one at most: what a run that is still there may look for stays.

A volume that is made for a pod lives as long as the pod's object, so those of ended pods go at once.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from steps import kubernetes
from steps.before_rollout import BEFORE_ROLLOUT
from steps.inputs import given
from steps.kubernetes import Access, ApiError, Kubernetes, NotFoundError, Object
from steps.result import log, warn


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Where there are Jobs before rollouts."""

    namespace: str = given("JOBS_NAMESPACE")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the job is given."""

    namespace: str = given("NAMESPACE")
    keep: int = given("KEEP")
    claims: bool = given("CLAIMS")
    access: Access
    jobs: Jobs | None


def run(inputs: Inputs) -> None:
    """Delete. What cannot be deleted fails the job, but keeps nothing else."""
    with Kubernetes(inputs.access) as api:
        paths = [*_claims(api, inputs.namespace)] if inputs.claims else []
        paths += _runs(api, inputs.namespace, inputs.keep)
        paths += _jobs(api, inputs.jobs.namespace, inputs.keep) if inputs.jobs else []
        left = [path for path in paths if not _delete(api, path)]
        if left:
            raise SystemExit(1)


def _claims(api: Kubernetes, namespace: str) -> Iterable[str]:
    pods = api.items(kubernetes.core(namespace, "pods"))
    ended = {pod["metadata"]["uid"] for pod in pods if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")}
    for claim in api.items(kubernetes.core(namespace, "persistentvolumeclaims")):
        held_by = claim["metadata"].get("ownerReferences") or []
        ends = any(owner["kind"] == "Pod" and owner["uid"] in ended for owner in held_by)
        if ends and not claim["metadata"].get("deletionTimestamp"):
            yield kubernetes.core(namespace, "persistentvolumeclaims", claim["metadata"]["name"])


def _runs(api: Kubernetes, namespace: str, keep: int) -> Iterable[str]:
    ended: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for run in api.items(kubernetes.runs(namespace)):
        at = (run.get("status") or {}).get("completionTime")
        if at:
            ended[_application(run)].append((at, run["metadata"]["name"]))
    for runs in ended.values():
        for _, name in sorted(runs)[:-keep]:
            yield kubernetes.runs(namespace, name)


def _jobs(api: Kubernetes, namespace: str, keep: int) -> Iterable[str]:
    """Yield those to delete. One that failed takes no place of one that succeeded, by which its digest needs no other."""
    ended: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for job in api.items(kubernetes.jobs(namespace), labelSelector=BEFORE_ROLLOUT):
        for condition in (job.get("status") or {}).get("conditions") or []:
            if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
                found = ended[job["metadata"]["labels"][BEFORE_ROLLOUT], condition["type"]]
                found.append((condition["lastTransitionTime"], job["metadata"]["name"]))
    for jobs in ended.values():
        for _, name in sorted(jobs)[:-keep]:
            yield kubernetes.jobs(namespace, name)


def _application(run: Object) -> str:
    return str((run["metadata"].get("labels") or {}).get("app.kubernetes.io/name"))


def _delete(api: Kubernetes, path: str) -> bool:
    name = path.rpartition("/")[2]
    try:
        api.delete(path)
    except NotFoundError:
        return True
    except ApiError as error:
        warn(f"{name}: {error}")
        return False
    log(f"{name} is deleted")
    return True
