"""What the tooling asks the embedded cluster's API server: a thin layer over the official client."""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config

from components.conventions import RUNS_QUOTA, WEBHOOK_GENERATION, plain
from local.errors import UserError
from steps import logs

POLL_SECONDS = 0.2
# A kubelet that is going away keeps whoever asks it for a log waiting.
_LOG_SECONDS = 10.0
TEKTON_GROUP = "tekton.dev"

Object = dict[str, Any]


class Kubernetes:
    """The API server, as the administrator or as whoever's kubeconfig it is."""

    def __init__(self, kubeconfig: Path) -> None:
        self.api: client.ApiClient = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        # The client declares every field as possibly absent, and custom objects as anything.
        self.core: Any = client.CoreV1Api(self.api)
        self.apps: Any = client.AppsV1Api(self.api)
        self.coordination: Any = client.CoordinationV1Api(self.api)
        self.custom: Any = client.CustomObjectsApi(self.api)

    def runs(self, namespace: str, kind: str = "pipelineruns", **labels: str) -> list[Object]:
        """Return PipelineRuns, or `taskruns`, oldest first; `labels` are of this project, e.g. pull_request="7"."""
        selector = ",".join(f"tekton-delivery/{name.replace('_', '-')}={value}" for name, value in labels.items())
        found = self.custom.list_namespaced_custom_object(TEKTON_GROUP, "v1", namespace, kind, label_selector=selector)
        items: list[Object] = found["items"]
        return sorted(items, key=lambda item: str(item["metadata"]["creationTimestamp"]))

    def run(self, namespace: str, name: str) -> Object:
        """Return one PipelineRun."""
        found: Object = self.custom.get_namespaced_custom_object(TEKTON_GROUP, "v1", namespace, "pipelineruns", name)
        return found

    def task_runs(self, namespace: str, run: str) -> list[Object]:
        """Return the TaskRuns of one PipelineRun."""
        selector = f"tekton.dev/pipelineRun={run}"
        found = self.custom.list_namespaced_custom_object(TEKTON_GROUP, "v1", namespace, "taskruns", label_selector=selector)
        items: list[Object] = found["items"]
        return items

    def runs_quota(self, namespace: str) -> Any:
        """Return the quota that counts the runs of a namespace."""
        return self.core.read_namespaced_resource_quota(RUNS_QUOTA, namespace)

    def deployment(self, namespace: str, name: str) -> Any:
        """Return a Deployment."""
        return self.apps.read_namespaced_deployment(name, namespace)

    def deployments(self, selector: str) -> list[Any]:
        """Return Deployments of all namespaces."""
        items: list[Any] = self.apps.list_deployment_for_all_namespaces(label_selector=selector).items
        return items

    def deployment_ready(self, namespace: str, name: str) -> bool:
        """Return whether a Deployment exists and has all it wants."""
        try:
            found = self.deployment(namespace, name)
        except client.ApiException as error:
            if error.status == 404:
                return False
            raise
        return bool(
            found.status.observed_generation == found.metadata.generation
            and (found.status.ready_replicas or 0) >= found.spec.replicas
            and (found.status.updated_replicas or 0) >= found.spec.replicas
        )

    def log(self, namespace: str, pod: str, container: str, lines: int) -> bytes | None:
        """Return so many of the last lines of a container's log, cut off where they are very long; None if they are gone."""
        try:
            answer = self.core.read_namespaced_pod_log(
                pod, namespace, container=container, tail_lines=lines, limit_bytes=logs.LARGEST,
                _preload_content=False, _request_timeout=_LOG_SECONDS,
            )  # fmt: skip
            # The client takes it for UTF-8, and programs print what is none.
            return bytes(answer.data)
        except (client.ApiException, urllib3.exceptions.HTTPError):
            return None

    def wait_for_deployment(self, namespace: str, name: str, seconds: float) -> None:
        """Wait until a Deployment is ready. Raises UserError with what its pods say."""

        def pods() -> str:
            found = self.core.list_namespaced_pod(namespace).items
            return ", ".join(f"{pod.metadata.name} is {pod.status.phase}" for pod in found) or "there are no pods"

        wait_until(lambda: self.deployment_ready(namespace, name), seconds, f"{namespace}/{name} is not ready", pods)

    def service_address(self, namespace: str, name: str) -> str:
        """Return a Service's cluster address; the forge reaches it from inside the cluster's network namespace."""
        return str(self.core.read_namespaced_service(name, namespace).spec.cluster_ip)

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """Return a Secret's texts."""
        return _texts(self.core.read_namespaced_secret(name, namespace))

    def webhook_secret(self, namespace: str) -> str:
        """Return the newest of the secrets that the listener of a namespace accepts."""
        found = self.core.list_namespaced_secret(namespace, label_selector=WEBHOOK_GENERATION).items
        return _texts(max(found, key=lambda secret: int(secret.metadata.labels[WEBHOOK_GENERATION])))["secret"]


def _texts(secret: Any) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in (secret.data or {}).items()}


def wait_until(ready: Callable[[], object], seconds: float, otherwise: str, explain: Callable[[], str] = lambda: "") -> None:
    """Ask until `ready` says yes. Raises UserError(`otherwise`, with `explain()`) after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise UserError(f"{otherwise} after {seconds:.0f} s. {explain()}".strip())
        time.sleep(POLL_SECONDS)


def condition(run: Object) -> tuple[str, str]:
    """Return a run's `Succeeded` condition: its status (True, False, Unknown) and its message."""
    for found in run.get("status", {}).get("conditions", []):
        if found["type"] == "Succeeded":
            return str(found["status"]), plain(str(found.get("message", "")))
    return "Unknown", ""
