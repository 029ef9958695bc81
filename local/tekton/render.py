"""Upstream's manifests made fit for one small node: our images, quick probes, little reserved, our settings."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from images.build import Image
from local.cluster.processes import GOGC
from local.errors import UserError
from local.tekton import source
from local.tekton.source import Manifest
from tekton.design import FEATURE_FLAGS, MISSING_PROBES, PIPELINES_CONTROLLER, concurrency
from tekton.settings import Controller

NAMESPACE = "tekton-pipelines"

KO_REFERENCE = re.compile(r"ko://github\.com/tektoncd/(pipeline|triggers)/cmd/([a-z]+)")
# Images that upstream names by registry: the shell that writes scripts into pods, and its Windows counterpart, which
# must be set and is never used here.
SHELL_REFERENCE = re.compile(r"(cgr\.dev/chainguard/busybox|mcr\.microsoft\.com/powershell):?[a-z]*@sha256:[0-9a-f]{64}")

# One replica of each: Pipelines need no leases for that, which cost a resting cluster half its time; Triggers have no such
# switch. There a longer lease would delay the next start after a crash.
WITHOUT_LEASES = ["-disable-ha=true"]
LEASE = {"lease-duration": "30s", "renew-deadline": "20s", "retry-period": "10s"}
SETTINGS = {
    "feature-flags": FEATURE_FLAGS,
    "config-leader-election-triggers-controller": LEASE,
    "config-leader-election-triggers-webhook": LEASE,
}

# Where each part says which version it is. Upstream puts that in as it releases; a module's manifests say `devel`.
VERSIONS = {"pipelines-info": "github.com/tektoncd/pipeline", "triggers-info": "github.com/tektoncd/triggers"}

# The Triggers controller asks for a ConfigMap under a name that upstream gives to none.
MISNAMED = {"config-leader-election-triggers-controllers": "config-leader-election-triggers-controller"}

EXTRA_ARGUMENTS = {
    PIPELINES_CONTROLLER: [*concurrency(Controller()), *WITHOUT_LEASES],
    "tekton-pipelines-webhook": WITHOUT_LEASES,
    # Listeners are probed every second, so that they count as ready when they are; liveness uses the same numbers, and
    # a busy machine must not cost a listener its life. Of a flag given twice the last one counts.
    "tekton-triggers-controller": ["-period-seconds", "1", "-failure-threshold", "60"],
}

# Asked every second until it answers, and then as rarely as upstream does: each time is a TLS handshake.
STARTUP = {"initialDelaySeconds": 0, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 300}
RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}}

# Workloads last, so that what they read is there when they start; the rest in the order upstream numbers its files.
ORDER = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding")
LAST = ("Service", "Deployment")


def render(manifests: Iterable[Manifest], images: Mapping[str, Image]) -> list[Manifest]:
    """The manifests to apply, in order."""
    text = json.dumps(list(manifests))
    # The longest first: some names begin others.
    for name, image in sorted(replacements(text, images).items(), reverse=True):
        text = text.replace(name, image)
    rendered = [_fit(manifest) for manifest in json.loads(text)]
    return sorted(rendered, key=_rank)


def content_hash(manifests: Iterable[Manifest]) -> str:
    """What tells one installation from another."""
    return hashlib.sha256(json.dumps(list(manifests), sort_keys=True).encode()).hexdigest()


def replacements(text: str, images: Mapping[str, Image]) -> dict[str, str]:
    """Return the images that manifests name, each with ours that takes its place."""

    def ours(match: re.Match[str]) -> str:
        name = f"tekton-{match[1]}-{match[2]}"
        if name not in images:
            raise UserError(f"Tekton's manifests use {match[0]}, for which images/recipes.py has no image {name!r}.")
        return images[name].ref

    shells = {match[0]: images["base"].ref for match in SHELL_REFERENCE.finditer(text)}
    return shells | {match[0]: ours(match) for match in KO_REFERENCE.finditer(text)}


def _fit(manifest: Manifest) -> Manifest:
    name = manifest["metadata"]["name"]
    if manifest["kind"] == "ConfigMap" and name in SETTINGS:
        manifest["data"] = manifest.get("data", {}) | SETTINGS[name]
    elif manifest["kind"] == "ConfigMap" and name in VERSIONS:
        manifest["data"]["version"] = source.versions()[VERSIONS[name]]
    elif manifest["kind"] == "Deployment":
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            _fit_container(name, container)
    return manifest


def _fit_container(deployment: str, container: dict[str, Any]) -> None:
    container["resources"] = RESOURCES
    for variable in container["env"]:
        if variable.get("value") in MISNAMED:
            variable["value"] = MISNAMED[variable["value"]]
    container["env"].append({"name": "GOGC", "value": GOGC})
    if deployment in EXTRA_ARGUMENTS:
        container["args"] = [*container.get("args", []), *EXTRA_ARGUMENTS[deployment]]
    if deployment in MISSING_PROBES:
        container["readinessProbe"] = MISSING_PROBES[deployment]
    if "readinessProbe" in container:
        container["startupProbe"] = container["readinessProbe"] | STARTUP
        container["readinessProbe"] = container["readinessProbe"] | {"initialDelaySeconds": 0, "timeoutSeconds": 5}


def _rank(manifest: Manifest) -> int:
    kind = manifest["kind"]
    if kind in LAST:
        return len(ORDER) + 1 + LAST.index(kind)
    return ORDER.index(kind) if kind in ORDER else len(ORDER)
