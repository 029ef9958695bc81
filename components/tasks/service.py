"""Services: containers that run beside the steps of a pod with pull-request code, as Tekton's sidecars.

A service counts as lost with the tests that talk to it: it gets what its settings say and nothing of the pod's, neither the
source nor a workspace nor a volume of a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.conventions import Manifest, limits, restricted
from components.tasks.step import empty_dir, mount, step, variable

# What Tekton calls their containers, and the one that it adds itself where results are read from logs.
PREFIX = "sidecar-"
TEKTONS_OWN = "sidecar-tekton-log-results"

# How the steps are called that wait for one; the report tells by it which did not get ready.
AWAIT = "await"


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a service answers once it can be used."""

    port: int
    path: str
    """Empty where a connection is enough."""
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """A container beside the tests."""

    name: str
    image: str
    """By digest."""
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    user: int
    writable: tuple[str, ...]
    """Folders on volumes of its own."""
    ready: Ready | None
    cpu: str
    memory: str
    ephemeral_storage: str


def sidecars(services: Sequence[Service]) -> Manifest:
    """Return what services add to a Task's spec beside volumes and steps."""
    return {"sidecars": [_sidecar(service) for service in services]} if services else {}


def volumes(services: Sequence[Service]) -> list[Manifest]:
    """Return the volumes of services."""
    return [
        empty_dir(_volume(service, number), service.ephemeral_storage)
        for service in services
        for number in range(len(service.writable))
    ]


def awaited(services: Sequence[Service]) -> list[Manifest]:
    """Return the steps that wait for services, one for each, so that its name tells which one did not get ready.

    Tekton can wait too, where the cluster's flag `await-sidecar-readiness` is on, but then for as long as the whole Task may
    take, and without saying for what.
    """
    return [
        step(
            f"{AWAIT}-{service.name}",
            runs=AWAIT,
            env={
                "SERVICE": service.name,
                "PORT": str(service.ready.port),
                "HTTP_PATH": service.ready.path,
                "READY_SECONDS": str(service.ready.seconds),
            },
            cpu="500m",
            memory="64Mi",
        )
        for service in services
        if service.ready
    ]


def _sidecar(service: Service) -> Manifest:
    made: Manifest = {
        "name": service.name,
        "image": service.image,
        "imagePullPolicy": "IfNotPresent",
        "computeResources": limits(service.cpu, service.memory, service.ephemeral_storage),
        "securityContext": restricted(service.user),
    }
    if service.command:
        made["command"] = list(service.command)
    if service.args:
        made["args"] = list(service.args)
    if service.env:
        made["env"] = [variable(name, value) for name, value in service.env.items()]
    if service.writable:
        made["volumeMounts"] = [mount(_volume(service, number), path) for number, path in enumerate(service.writable)]
    return made


def _volume(service: Service, number: int) -> str:
    return f"service-{service.name}-{number}"
