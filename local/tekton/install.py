"""Puts Tekton on a cluster: applied once for what it consists of, and ready when this returns."""

import json
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images.build import Image
from local.errors import UserError
from local.progress import Progress
from local.tekton import source
from local.tekton.render import NAMESPACE, content_hash, render
from local.tekton.source import Manifest

FIELD_MANAGER = "tekton-delivery-tekton"
RECORD = "tekton-delivery-installation"
INTERCEPTORS = "tekton-triggers-core-interceptors"
TIMEOUT = 180.0
"""Seconds that everything together gets to become ready."""

# What the webhooks of Pipelines and of Triggers must both answer for, before anybody may rely on them.
PROBES: list[Manifest] = [
    {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "probe", "namespace": NAMESPACE},
        "spec": {"steps": [{"name": "probe", "image": "none", "command": ["none"]}]},
    },
    {
        "apiVersion": "triggers.tekton.dev/v1beta1",
        "kind": "TriggerBinding",
        "metadata": {"name": "probe", "namespace": NAMESPACE},
        "spec": {"params": [{"name": "probe", "value": "none"}]},
    },
]


@dataclass(frozen=True)
class Kubectl:
    """kubectl with its kubeconfig."""

    binary: Path
    kubeconfig: Path

    def run(self, *arguments: str, objects: Iterable[Manifest] | None = None) -> subprocess.CompletedProcess[str]:
        """Run it, on objects given as input where there are any."""
        items = None if objects is None else json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        command: list[str | Path] = [self.binary, f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, input=items, capture_output=True, text=True)

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects it finds; none when it cannot say."""
        answer = self.run("get", *arguments, "--output=json", "--ignore-not-found")
        items: list[dict[str, Any]] = json.loads(answer.stdout or "{}").get("items", [])
        return items

    def apply(self, objects: Iterable[Manifest]) -> None:
        arguments = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--filename=-"]
        answer = self.run(*arguments, objects=objects)
        if answer.returncode != 0:
            raise UserError(f"The cluster refused Tekton's manifests:\n{answer.stderr.strip()}")


def install(binary: Path, kubeconfig: Path, images: Mapping[str, Image], progress: Progress) -> None:
    """Make the cluster run the pinned Tekton with these images; nothing is done when it already does."""
    kubectl = Kubectl(binary, kubeconfig)
    manifests = render(source.load(progress), images)
    wanted = content_hash(manifests)
    if _runs(kubectl, wanted):
        return
    first = [manifest for manifest in manifests if manifest["kind"] in ("Namespace", "CustomResourceDefinition")]
    last = [manifest for manifest in manifests if _is_interceptors(manifest)]
    with progress.step("Install Tekton"):
        kubectl.apply(first)
        _wait(kubectl, "customresourcedefinitions", "condition=Established", _names(first, "CustomResourceDefinition"))
        kubectl.apply(manifest for manifest in manifests if manifest not in first and manifest not in last)
    with progress.step("Wait for Tekton's controllers and webhooks"):
        deadline = time.monotonic() + TIMEOUT
        _wait_for_webhooks(kubectl, [manifest for manifest in manifests if manifest not in last], deadline)
        # They write their certificate into the ClusterInterceptors when they start, through the webhook. Where that fails
        # because they were earlier than the webhook or the ClusterInterceptors, they try again a minute later.
        kubectl.apply(last)
        _wait_for_deployments(kubectl, last, deadline)
        condition = "jsonpath={.spec.clientConfig.caBundle}"
        _wait(kubectl, "clusterinterceptors", condition, _names(manifests, "ClusterInterceptor"))
    kubectl.apply([_record(wanted)])


def _runs(kubectl: Kubectl, wanted: str) -> bool:
    """Whether this very installation is recorded and all its Deployments have what they want."""
    found = kubectl.get("deployments,configmaps", f"--namespace={NAMESPACE}")
    deployments = [item for item in found if item["kind"] == "Deployment"]
    recorded = [item["data"]["manifests"] for item in found if item["metadata"]["name"] == RECORD]
    return recorded == [wanted] and all(
        item["status"].get("readyReplicas", 0) == item["spec"]["replicas"] for item in deployments
    )


def _record(wanted: str) -> Manifest:
    metadata = {"name": RECORD, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"manifests": wanted}}


def _is_interceptors(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Deployment" and manifest["metadata"]["name"] == INTERCEPTORS)


def _wait_for_deployments(kubectl: Kubectl, manifests: list[Manifest], deadline: float) -> None:
    for name in _names(manifests, "Deployment"):
        left = f"--timeout={max(1, int(deadline - time.monotonic()))}s"
        rollout = kubectl.run("rollout", "status", f"deployment/{name}", f"--namespace={NAMESPACE}", left)
        if rollout.returncode != 0:
            raise UserError(f"Tekton's {name} did not become ready.\n{explain(kubectl)}")


def _wait_for_webhooks(kubectl: Kubectl, manifests: list[Manifest], deadline: float) -> None:
    _wait_for_deployments(kubectl, manifests, deadline)
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        _wait(kubectl, kind, "jsonpath={.webhooks[0].clientConfig.caBundle}", _names(manifests, kind))
    # A ready pod is not yet a routed one, and nothing announces that: ask, as users of the webhooks will.
    while (answer := kubectl.run("create", "--dry-run=server", "--filename=-", objects=PROBES)).returncode != 0:
        if time.monotonic() > deadline:
            raise UserError(f"Tekton's webhooks do not answer: {answer.stderr.strip()}\n{explain(kubectl)}")
        time.sleep(0.2)


def _wait(kubectl: Kubectl, kind: str, condition: str, names: list[str]) -> None:
    answer = kubectl.run("wait", f"--for={condition}", f"--timeout={int(TIMEOUT)}s", kind, *names)
    if answer.returncode != 0:
        raise UserError(f"Tekton's {kind} are not ready: {answer.stderr.strip()}\n{explain(kubectl)}")


def _names(manifests: Iterable[Manifest], kind: str) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == kind]


def explain(kubectl: Kubectl) -> str:
    """Why Tekton's pods are not ready: their state, the last warnings about them and the end of their logs."""
    lines: list[str] = []
    for pod in kubectl.get("pods", f"--namespace={NAMESPACE}"):
        name = pod["metadata"]["name"]
        statuses = pod["status"].get("containerStatuses", [])
        if statuses and all(status["ready"] for status in statuses):
            continue
        lines.append(f"  pod {name}: {pod['status']['phase']}")
        for status in statuses:
            state, details = next(iter(status["state"].items()))
            words = (state, details.get("reason"), details.get("message"))
            lines.append(f"    {': '.join(word for word in words if word)}")
        about = f"--field-selector=type=Warning,involvedObject.name={name}"
        events = kubectl.get("events", f"--namespace={NAMESPACE}", about)
        lines += [f"    {event['reason']}: {event['message']}" for event in events[-3:]]
        log = kubectl.run("logs", name, f"--namespace={NAMESPACE}", "--tail=5").stdout.splitlines()
        lines += [f"    log: {line}" for line in log]
    return "\n".join(lines) or "  all of its pods are ready"
