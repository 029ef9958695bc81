"""What settings of an application's container mean for each other, and for the environments it runs in."""

from collections.abc import Iterator

from components.conventions import seconds
from components.settings.application import STEADY_SECONDS, Application
from components.settings.environment import Environment
from components.settings.errors import Location, contradiction, path
from components.settings.settings import Settings


def container_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that makes no sense beside another one of the container."""
    for number, application in enumerate(settings.applications):
        yield from _unasked(("applications", number), application)
    for index, environment in enumerate(settings.environments):
        for application in settings.applications:
            yield from _unserved(("environments", index), environment, application)
            yield from _impatient(("environments", index), environment, application)


def _unasked(place: Location, application: Application) -> Iterator[str]:
    """A container without a port answers no question."""
    if application.port is None and application.smoke_check:
        yield f"{path((*place, 'smokeCheck'))}: `port` is none, and it is asked of the Service; remove it, or set `port`"
    if application.ports:
        return
    where = "nobody asks it where `port` is none; remove it, or set `probes.port`"
    if "health_path" in application.model_fields_set:
        yield contradiction((*place, "healthPath"), application.health_path, where)
    for name in ("liveness", "startup"):
        if probe := getattr(application.probes, name):
            yield contradiction((*place, "probes", name, "path"), probe.path, where)


def _unserved(place: Location, environment: Environment, application: Application) -> Iterator[str]:
    """One without a port has no Service that anything could lead to."""
    if application.port is not None:
        return
    problem = "there is no Service where `port` is none; remove it, or set the application's `port`"
    if host := environment.workload(application.name).host:
        yield contradiction((*place, "applications", application.name, "host"), host, problem)
    if node_port := environment.node_ports.get(application.name):
        yield contradiction((*place, "nodePorts", application.name), node_port, problem)


def _impatient(place: Location, environment: Environment, application: Application) -> Iterator[str]:
    where = (*place, "rolloutTimeout")
    if not application.ports and seconds(environment.rollout_timeout) <= STEADY_SECONDS:
        problem = f"{application.name} has no port and is ready after {STEADY_SECONDS} s; raise it above that"
        yield contradiction(where, environment.rollout_timeout, problem)
