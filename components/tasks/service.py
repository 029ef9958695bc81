"""Services: containers that run beside the steps of a pod with pull-request code, as Tekton's sidecars.

A service counts as lost with the tests that talk to it: it gets what its settings say and nothing of the pod's, neither the
source nor a workspace nor a volume of a step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.conventions import Manifest, limits, literal, restricted, seconds
from components.settings.services import Service
from components.tasks.step import empty_dir, mount, step, variable

# What Tekton calls their containers, and the one that it adds itself where results are read from logs.
PREFIX = "sidecar-"
TEKTONS_OWN = "sidecar-tekton-log-results"

# How the steps are called that wait for one; the report tells by it which did not get ready.
AWAIT = "await"


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A service of an application, as it runs beside the tests."""

    name: str
    image: str
    """By digest, whatever its settings take that from."""
    service: Service


def sidecars(services: Sequence[Sidecar]) -> Manifest:
    """Return what services add to a Task's spec beside volumes and steps."""
    return {"sidecars": [_sidecar(sidecar) for sidecar in services]} if services else {}


def volumes(services: Sequence[Sidecar]) -> list[Manifest]:
    """Return the volumes of services."""
    return [
        empty_dir(_volume(sidecar, number), sidecar.service.resources.ephemeral_storage)
        for sidecar in services
        for number in range(len(sidecar.service.writable))
    ]


def awaited(services: Sequence[Sidecar]) -> list[Manifest]:
    """Return the steps that wait for services, one for each, so that its name tells which one did not get ready.

    Tekton can wait too, where the cluster's flag `await-sidecar-readiness` is on, but then for as long as the whole Task may
    take, and without saying for what.
    """
    return [
        step(
            f"{AWAIT}-{sidecar.name}",
            runs=AWAIT,
            env={
                "SERVICE": sidecar.name,
                "PORT": str(ready.port),
                "HTTP_PATH": literal(ready.path or ""),
                "READY_SECONDS": str(seconds(ready.timeout)),
            },
            cpu="500m",
            memory="64Mi",
        )
        for sidecar in services
        if (ready := sidecar.service.ready)
    ]


def _sidecar(sidecar: Sidecar) -> Manifest:
    service, most = sidecar.service, sidecar.service.resources
    made: Manifest = {
        "name": sidecar.name,
        "image": sidecar.image,
        "imagePullPolicy": "IfNotPresent",
        "computeResources": limits(most.cpu, most.memory, most.ephemeral_storage),
        "securityContext": restricted(service.user),
    }
    if service.command:
        made["command"] = [literal(text) for text in service.command]
    if service.args:
        made["args"] = [literal(text) for text in service.args]
    if service.env:
        made["env"] = [variable(name, literal(value)) for name, value in service.env.items()]
    if service.writable:
        made["volumeMounts"] = [mount(_volume(sidecar, number), path) for number, path in enumerate(service.writable)]
    return made


def _volume(sidecar: Sidecar, number: int) -> str:
    return f"service-{sidecar.name}-{number}"
