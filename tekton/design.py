"""What this project's pipelines need of Tekton, whoever installs it: flags, concurrency, a probe that upstream forgot."""

from collections.abc import Mapping, Sequence
from typing import Any

from tekton.settings import Controller

Manifest = dict[str, Any]

FEATURE_FLAGS = {
    # Tekton's own containers then fit a namespace that enforces Pod Security "restricted".
    "set-security-context": "true",
    # Credentials are mounted in the one step that needs them; nothing is copied into every step's home.
    "disable-creds-init": "true",
    # Steps start without waiting for a mesh that is not there.
    "running-in-environment-with-injected-sidecars": "false",
    "await-sidecar-readiness": "false",
    # No task shares a volume with another.
    "coschedule": "disabled",
}
PIPELINES_CONTROLLER = "tekton-pipelines-controller"
# Upstream gives it no probe, so it counts as ready before it answers.
MISSING_PROBES: Mapping[str, Manifest] = {"tekton-triggers-webhook": {"tcpSocket": {"port": "https-webhook"}}}


def concurrency(controller: Controller) -> Sequence[str]:
    """Return the arguments of the Pipelines controller."""
    return (
        *("-threads-per-controller", str(controller.threads)),
        *("-kube-api-qps", str(controller.qps)),
        *("-kube-api-burst", str(controller.burst)),
    )


def adopted(manifest: Manifest) -> Manifest:
    """Return a manifest that is taken over as declared, field by field.

    Owners of other fields, such as a webhook's certificate, keep theirs.
    """
    metadata = manifest["metadata"]
    annotations = metadata.get("annotations", {}) | {"pulumi.com/patchForce": "true"}
    return manifest | {"metadata": metadata | {"annotations": annotations}}


def fit(manifest: Manifest, controller: Controller) -> Manifest:
    """Return a manifest of upstream's with this project's settings."""
    name = manifest["metadata"]["name"]
    if manifest["kind"] == "ConfigMap" and name == "feature-flags":
        return manifest | {"data": manifest.get("data", {}) | FEATURE_FLAGS}
    if manifest["kind"] == "Deployment":
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            if name == PIPELINES_CONTROLLER:
                container["args"] = [*container.get("args", []), *concurrency(controller)]
            if name in MISSING_PROBES:
                container.setdefault("readinessProbe", MISSING_PROBES[name])
    return manifest
