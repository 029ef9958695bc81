"""When an object counts as ready: the kinds that the official plugin waits for, by what the API server says of them."""

from collections.abc import Callable, Iterator
from typing import Any

from local.plugins.kubernetes.cluster import Cluster
from local.plugins.kubernetes.kinds import SKIP_AWAIT, Kind, annotation

POD = Kind("v1", "Pod")
_EVENT = Kind("v1", "Event")
_ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice")
_STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass")
_MAX_REASONS = 12

Check = Callable[[Cluster, dict[str, Any]], str | None]
"""Looks at a live object: None when it is ready, else what is missing. Raises WaitError when waiting on is useless."""


class WaitError(Exception):
    """The object will not become ready by itself."""


def check_for(kind: Kind, value: dict[str, Any]) -> Check | None:
    """What to wait for with this object, or None."""
    if annotation(value, SKIP_AWAIT) == "true":
        return None
    return _CHECKS.get(kind)


def why_not_ready(cluster: Cluster, check: Check | None, live: dict[str, Any]) -> list[str]:
    """What is missing at this moment, with the reasons; nothing when the object is ready."""
    if check is None:
        return []
    try:
        missing = check(cluster, live)
    except WaitError as failure:
        missing = str(failure)
    return [missing, *reasons(cluster, live)] if missing else []


def reasons(cluster: Cluster, live: dict[str, Any]) -> list[str]:
    """Why an object is not ready, as the cluster tells it: conditions, waiting containers, warning events."""
    lines = [
        f"{condition['type']}: {condition.get('message') or condition.get('reason')}"
        for condition in _conditions(live).values()
        if condition.get("status") == "False" and (condition.get("message") or condition.get("reason"))
    ]
    namespace = live["metadata"].get("namespace", "")
    names = {live["metadata"]["name"]}
    if selector := _labels(live):
        for pod in cluster.select(POD, namespace, labels=selector):
            names.add(pod["metadata"]["name"])
            lines += _pod_reasons(pod)
    if namespace:
        for event in cluster.select(_EVENT, namespace, fields="type=Warning"):
            involved = event["involvedObject"].get("name", "")
            # ReplicaSets and Jobs name what they make after themselves.
            if involved in names or any(involved.startswith(f"{name}-") for name in names):
                lines.append(f"{event['involvedObject'].get('kind')} {involved}: {event.get('message')}")
    return list(dict.fromkeys(lines))[:_MAX_REASONS]


def _deployment(cluster: Cluster, live: dict[str, Any]) -> str | None:
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    if _observed(live):
        progressing = _conditions(live).get("Progressing", {})
        if progressing.get("reason") == "ProgressDeadlineExceeded":
            raise WaitError(progressing.get("message") or "the rollout exceeded its progress deadline")
        updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
        available = status.get("availableReplicas", 0)
        if updated >= wanted and available >= wanted and total <= updated:
            return None
        old = max(total - updated, 0)
        return f"{available} of {wanted} replicas are available, {updated} updated, {old} old ones left"
    return "the Deployment controller has not seen it yet"


def _replicated(cluster: Cluster, live: dict[str, Any]) -> str | None:
    status = live.get("status") or {}
    if live["kind"] == "DaemonSet":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        ready = status.get("numberReady", 0)
    else:
        wanted, updated = live["spec"].get("replicas", 1), status.get("updatedReplicas", 0)
        ready = status.get("readyReplicas", 0)
    if _observed(live) and ready >= wanted and updated >= wanted:
        return None
    return f"{ready} of {wanted} pods are ready, {updated} updated"


def _job(cluster: Cluster, live: dict[str, Any]) -> str | None:
    conditions = _conditions(live)
    if conditions.get("Failed", {}).get("status") == "True":
        raise WaitError(f"the Job failed: {conditions['Failed'].get('message') or conditions['Failed'].get('reason')}")
    if conditions.get("Complete", {}).get("status") == "True":
        return None
    return "the Job has not completed"


def _pod(cluster: Cluster, live: dict[str, Any]) -> str | None:
    phase = (live.get("status") or {}).get("phase")
    if phase == "Failed":
        raise WaitError("the Pod failed")
    if phase == "Succeeded" or _conditions(live).get("Ready", {}).get("status") == "True":
        return None
    return f"the Pod is {phase or 'not scheduled'} and not ready"


def _service(cluster: Cluster, live: dict[str, Any]) -> str | None:
    spec = live["spec"]
    if spec.get("type") == "LoadBalancer" and not ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return "the Service has no load balancer address"
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return None
    slices = cluster.select(
        _ENDPOINT_SLICE, live["metadata"]["namespace"], labels=f"kubernetes.io/service-name={live['metadata']['name']}"
    )
    endpoints = [endpoint for entry in slices for endpoint in entry.get("endpoints") or []]
    if any((endpoint.get("conditions") or {}).get("ready", True) for endpoint in endpoints):
        return None
    return "the Service does not target any Pods. Selected Pods may not be ready, or its selector may not match any"


def _claim(cluster: Cluster, live: dict[str, Any]) -> str | None:
    if (live.get("status") or {}).get("phase") == "Bound":
        return None
    wanted = live["spec"].get("storageClassName")
    for storage_class in cluster.select(_STORAGE_CLASS, ""):
        if storage_class["metadata"]["name"] == wanted and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
            return None
    return "the PersistentVolumeClaim is not bound"


def _definition(cluster: Cluster, live: dict[str, Any]) -> str | None:
    conditions = _conditions(live)
    if conditions.get("NamesAccepted", {}).get("status") == "False":
        raise WaitError(f"its names are not accepted: {conditions['NamesAccepted'].get('message')}")
    if conditions.get("Established", {}).get("status") == "True":
        return None
    return "the CustomResourceDefinition is not established"


def _quota(cluster: Cluster, live: dict[str, Any]) -> str | None:
    """Until the controller counts, the API server refuses whatever the quota bounds."""
    if (live.get("status") or {}).get("hard") == live["spec"].get("hard"):
        return None
    return "the ResourceQuota is not counted yet"


_CHECKS: dict[Kind, Check] = {
    Kind("apps/v1", "Deployment"): _deployment,
    Kind("apps/v1", "StatefulSet"): _replicated,
    Kind("apps/v1", "DaemonSet"): _replicated,
    Kind("batch/v1", "Job"): _job,
    Kind("v1", "PersistentVolumeClaim"): _claim,
    Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"): _definition,
    POD: _pod,
    Kind("v1", "ResourceQuota"): _quota,
    Kind("v1", "Service"): _service,
}


def _observed(live: dict[str, Any]) -> bool:
    observed = (live.get("status") or {}).get("observedGeneration", 0)
    return bool(observed >= live["metadata"].get("generation", 0))


def _conditions(live: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in (live.get("status") or {}).get("conditions") or []}


def _labels(live: dict[str, Any]) -> str:
    if live["kind"] == "Job":
        return f"batch.kubernetes.io/job-name={live['metadata']['name']}"
    selector = (live.get("spec") or {}).get("selector") or {}
    labels = selector.get("matchLabels", {}) if "matchLabels" in selector else selector
    return ",".join(f"{key}={value}" for key, value in labels.items() if isinstance(value, str))


def _pod_reasons(pod: dict[str, Any]) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        waiting = container.get("state", {}).get("waiting") or {}
        ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield f"[Pod {name}]: containers with unready status: {container['name']}: {waiting['reason']}: " + str(
                waiting.get("message", "")
            )
        elif ended.get("exitCode"):
            yield f"[Pod {name}]: container {container['name']} ended with exit code {ended['exitCode']}"
    scheduled = _conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        yield f"[Pod {name}]: not scheduled: {scheduled.get('message', '')}"
