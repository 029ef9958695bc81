"""What has to succeed before a rollout, declared: the pod of its Jobs, into which deliveries put nothing but the image.

The pod is the application's own, after its patches, without what only a server has.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import pod
from components.conventions import BEFORE_ROLLOUT, CONTAINER, Manifest, labels, literal
from components.patch import patched
from components.pod import PodArgs
from components.settings.before_rollout import BeforeRollout
from components.settings.pod_template import PodTemplate
from steps.before_rollout import GRACE

# What asks, tells or keeps a container that serves.
_OF_SERVERS = ("readinessProbe", "livenessProbe", "startupProbe", "lifecycle", "ports", "args")


def template_name(application: str) -> str:
    """Return the name of the PodTemplate."""
    return f"{application}-before-rollout"


def declare(
    name: str,
    application: str,
    namespace: pulumi.Input[str],
    template: Manifest,
    common: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the PodTemplate."""
    metadata = {"name": template_name(application), "namespace": namespace, "labels": dict(common)}
    k8s.core.v1.PodTemplate(f"{name}-before-rollout", metadata=metadata, template=template, opts=opts)


def template(args: PodArgs, environment: str, before: BeforeRollout, patches: Sequence[PodTemplate]) -> Manifest:
    """Return the template of a Job's pod. No Service selects it, nor what else selects the application's pods."""
    own = {**labels(environment=environment), BEFORE_ROLLOUT: args.application}
    made = patched({"metadata": {"labels": own}, "spec": pod.spec(args)}, patches)
    spec = made["spec"]
    (container,) = (each for each in spec["containers"] if each["name"] == CONTAINER)
    sidecars = [each for each in spec["containers"] if each["name"] != CONTAINER]
    gone = _gone(spec, keeps_claims=args.container.strategy != "Recreate")
    container = _without(container, _OF_SERVERS) | {
        "command": [*map(literal, before.command)],
    }
    beside = [
        *(each for each in spec.get("initContainers", []) if each["name"] != pod.STARTER_VOLUME),
        # A Job ends when its containers have, and does not wait for these.
        *(each | {"restartPolicy": "Always"} for each in sidecars),
    ]
    spec = _without(spec, ("initContainers", "topologySpreadConstraints", "volumes")) | {
        "containers": [_mounting(container, gone)],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": before.seconds,
        "terminationGracePeriodSeconds": GRACE,
    }
    if beside:
        spec["initContainers"] = [_mounting(each, gone) for each in beside]
    for each in (*spec["containers"], *spec.get("initContainers", [])):
        # By its tag the API server would write another one into a Job than into this, which has another image.
        each.setdefault("imagePullPolicy", "IfNotPresent")
    if volumes := [each for each in made["spec"].get("volumes", []) if each["name"] not in gone]:
        spec["volumes"] = volumes
    return made | {"spec": spec}


def _gone(spec: Manifest, *, keeps_claims: bool) -> set[str]:
    """Return the volumes that stay away: the starter's, and claims that the pod that serves may have for itself."""
    volumes = spec.get("volumes", [])
    return {pod.STARTER_VOLUME} | {each["name"] for each in volumes if "persistentVolumeClaim" in each and not keeps_claims}


def _mounting(container: Mapping[str, Any], gone: set[str]) -> Manifest:
    mounts = [each for each in container.get("volumeMounts", []) if each["name"] not in gone]
    return _without(container, ("volumeMounts",)) | ({"volumeMounts": mounts} if mounts else {})


def _without(value: Mapping[str, Any], names: Sequence[str]) -> Manifest:
    return {name: item for name, item in value.items() if name not in names}
