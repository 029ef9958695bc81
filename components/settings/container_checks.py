"""What settings of an application's container mean for each other, and for the environments it runs in."""

from collections.abc import Iterator

from components.conventions import seconds
from components.settings.application import STEADY_SECONDS, Application, Container
from components.settings.environment import Environment
from components.settings.errors import Location, contradiction, path
from components.settings.settings import Settings
from components.settings.volumes import SECRET_FILES, STARTER_FOLDER
from components.settings.workloads import Part, parts

TAKEN = {
    SECRET_FILES: "the files of `secrets` are there",
    STARTER_FOLDER: "what starts a `command` is there",
}


def container_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that makes no sense beside another one of the container."""
    for number, application in enumerate(settings.applications):
        for part in parts(application):
            place: Location = ("applications", number, *part.below)
            yield from _unasked(place, part)
            yield from _mounted(place, part.container)
            if "strategy" not in part.container.model_fields_set:
                yield from _unshared(place, part.container)
    for index, environment in enumerate(settings.environments):
        for application in settings.applications:
            yield from _unserved(("environments", index), environment, application)
            for part in parts(application):
                yield from _impatient(("environments", index), environment, part)


def _unasked(place: Location, part: Part) -> Iterator[str]:
    """A container without a port answers no question."""
    container = part.container
    if container.command and not container.command[0]:
        yield f"{path((*place, 'command', 0))}: empty, and no program is called so; name one, or leave `command` out"
    if part.key is not None and container.smoke_check:
        yield f"{path((*place, 'smokeCheck'))}: it is asked of the application itself; give it there, or remove it"
    elif container.port is None and container.smoke_check:
        yield f"{path((*place, 'smokeCheck'))}: `port` is none, and it is asked of the Service; remove it, or set `port`"
    if container.ports:
        return
    where = "nobody asks it where `port` is none; remove it, or set `probes.port`"
    if "health_path" in container.model_fields_set:
        yield contradiction((*place, "healthPath"), container.health_path, where)
    for name in ("liveness", "startup"):
        if probe := getattr(container.probes, name):
            yield contradiction((*place, "probes", name, "path"), probe.path, where)


def _mounted(place: Location, container: Container) -> Iterator[str]:
    """Each folder is somebody's: the application's once, or of the program."""
    seen: set[str] = set()
    for number, volume in enumerate(container.volumes):
        where, folder = (*place, "volumes", number, "mountPath"), volume.mount_path
        if folder in seen:
            yield contradiction(where, folder, "stands there twice; remove one of the two")
        seen.add(folder)
        for taken, whose in TAKEN.items():
            if folder == taken or folder.startswith(f"{taken}/"):
                yield contradiction(where, folder, f"{whose}; choose another")


def _unshared(place: Location, container: Container) -> Iterator[str]:
    """A new pod waits for a claim that the old one has, and the old one serves until the new one is ready."""
    for number, volume in enumerate(container.volumes):
        if claim := volume.persistent_volume_claim:
            yield contradiction(
                (*place, "volumes", number, "persistentVolumeClaim", "claimName"),
                claim.claim_name,
                "needs the application's `strategy`: `Recreate` for a claim that one pod or one node can have "
                "(ReadWriteOncePod, ReadWriteOnce), `RollingUpdate` for one that several share",
            )


def _unserved(place: Location, environment: Environment, application: Application) -> Iterator[str]:
    """One without a port has no Service that anything could lead to."""
    if application.port is not None:
        return
    problem = "there is no Service where `port` is none; remove it, or set the application's `port`"
    if host := environment.workload(application.name).host:
        yield contradiction((*place, "applications", application.name, "host"), host, problem)
    if node_port := environment.node_ports.get(application.name):
        yield contradiction((*place, "nodePorts", application.name), node_port, problem)


def _impatient(place: Location, environment: Environment, part: Part) -> Iterator[str]:
    where, patience, container = (*place, "rolloutTimeout"), seconds(environment.rollout_timeout), part.container
    if container.strategy == "Recreate" and seconds(container.termination_grace_period) >= patience:
        problem = f"{part.name} is started when what ran has ended, which may take its `terminationGracePeriod`"
        yield contradiction(where, environment.rollout_timeout, f"{problem}; raise it above that")
    if not container.ports and patience <= STEADY_SECONDS:
        problem = f"{part.name} has no port and is ready after {STEADY_SECONDS} s; raise it above that"
        yield contradiction(where, environment.rollout_timeout, problem)
