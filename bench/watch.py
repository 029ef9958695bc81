"""What the API server told, and when: every change of some objects, from the moment before a delivery to its end."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubernetes import client, watch
from urllib3.exceptions import HTTPError

from local.kubernetes_api import TEKTON_GROUP, Kubernetes, Object, condition

Known = tuple[float, Object]


@dataclass
class Told:
    """The states of objects in the order in which they were told; times are seconds since 1970."""

    runs: list[Known] = field(default_factory=list)
    """PipelineRuns of the delivery namespace."""
    pods: list[Known] = field(default_factory=list)
    """Pods of the delivery namespace."""
    workload: list[Known] = field(default_factory=list)
    """Pods of the workload namespace."""
    deployments: list[Known] = field(default_factory=list)
    """Deployments of the workload namespace."""


@contextmanager
def watching(kubernetes: Kubernetes, delivery: str | None, workload: str) -> Iterator[Told]:
    """Collect what is told of a delivery namespace, where there is one, and of a workload namespace."""
    told = Told()
    custom = {"group": TEKTON_GROUP, "version": "v1", "plural": "pipelineruns"}
    with ExitStack() as watches:
        for ask, into, where in (
            (kubernetes.core.list_namespaced_pod, told.workload, {"namespace": workload}),
            (kubernetes.apps.list_namespaced_deployment, told.deployments, {"namespace": workload}),
            *(
                [
                    (kubernetes.core.list_namespaced_pod, told.pods, {"namespace": delivery}),
                    (kubernetes.custom.list_namespaced_custom_object, told.runs, custom | {"namespace": delivery}),
                ]
                if delivery
                else []
            ),
        ):
            watches.enter_context(_watch(ask, into, where))
        yield told


@contextmanager
def _watch(ask: Callable[..., Any], into: list[Known], where: dict[str, str]) -> Iterator[None]:
    listed = ask(**where)
    metadata = listed["metadata"] if isinstance(listed, dict) else {"resourceVersion": listed.metadata.resource_version}
    stream: Any = watch.Watch()  # type: ignore[no-untyped-call]

    def collect() -> None:
        try:
            for event in stream.stream(ask, resource_version=metadata["resourceVersion"], timeout_seconds=600, **where):
                into.append((time.time(), event["raw_object"]))
        except (client.ApiException, HTTPError):
            if not ended.is_set():
                raise

    ended = threading.Event()
    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        stream.stop()


def first(known: list[Known], holds: Callable[[Object], bool], name: str | None = None) -> float | None:
    """Return when it was first told that something holds, for the object of that name or any."""
    for when, thing in known:
        if (name is None or thing["metadata"]["name"] == name) and holds(thing):
            return when
    return None


def names(known: list[Known]) -> list[str]:
    """Return the names of objects, in the order in which they were first told of."""
    return list(dict.fromkeys(str(thing["metadata"]["name"]) for _, thing in known))


def has(kind: str) -> Callable[[Object], bool]:
    """Return the question whether a pod has a condition: PodScheduled, Initialized, Ready."""
    return lambda pod: any(
        found["type"] == kind and found["status"] == "True" for found in pod.get("status", {}).get("conditions", [])
    )


def over(thing: Object) -> bool:
    """Return whether a run has ended, or all steps of a pod."""
    steps = thing.get("status", {}).get("containerStatuses", [])
    ended = steps and all("terminated" in step["state"] for step in steps)
    return bool(condition(thing)[0] != "Unknown" or ended)


def steps_begun(known: list[Known], pod: str) -> float | None:
    """Return when a pod's first step began. Tekton's entrypoint writes that with milliseconds into its last message."""
    begun = [
        datetime.fromisoformat(entry["value"]).timestamp()
        for _, thing in known
        if thing["metadata"]["name"] == pod
        for status in thing.get("status", {}).get("containerStatuses", [])
        for entry in _messages(status.get("state", {}).get("terminated", {}).get("message", ""))
        if entry.get("key") == "StartedAt"
    ]
    return min(begun, default=None)


def _messages(text: str) -> list[dict[str, str]]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return []
    return found if isinstance(found, list) else []
