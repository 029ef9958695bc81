"""What quantities and names of applications and builds mean for each other. Each mistake is one line."""

import json
from collections.abc import Iterable, Iterator, Sequence

from components.conventions import go_duration, quantity, seconds
from components.settings import pods
from components.settings.application import Application, Resources
from components.settings.build import Build
from components.settings.environment import Environment, ResourcesHere, Workload
from components.settings.errors import Location, path
from components.settings.settings import Settings
from components.settings.workloads import Part, parts

# What the program tells every container of itself, and by which setting.
RESERVED = {"PORT": "port", "HEALTH_PATH": "healthPath", "PROBES_PORT": "probes.port"}
# What the program tells every build, and by what (docs/builds.md).
OF_BUILDS = {"REVISION": "the commit", "SOURCE_DATE_EPOCH": "the commit's date", "BUILDKIT_SYNTAX": "the builder it has"}


def workload_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting of an application in an environment that contradicts another one."""
    names = [application.name for application in settings.applications]
    by_name = {application.name: list(parts(application)) for application in settings.applications}
    for number, application in enumerate(settings.applications):
        for name in sorted(set(application.build_args) & OF_BUILDS.keys()):
            argument = path(("applications", number, "buildArgs", name))
            yield f"{argument}: the program sets it, by {OF_BUILDS[name]}; remove it here"
        for part in by_name[application.name]:
            yield from _requests(("applications", number, *part.below), part.container.resources)
            yield from _reserved(("applications", number, *part.below, "env"), part.container.env)
        yield from _services(("applications", number, "services"), application, settings.build)
    for index, environment in enumerate(settings.environments):
        place: Location = ("environments", index)
        for name, workload in environment.applications.items():
            where = (*place, "applications", name)
            if name in names:
                yield from _workload(where, environment, workload)
                yield from _here(where, environment, by_name[name])
                yield from _unknown(where, workload, by_name[name])
            else:
                yield f"{path(where)}: no such application; rename the key to one of {', '.join(names)}, or remove it"
        yield from _too_many_pods(place, environment, settings.applications)
        yield from _unanswered(environment, settings.applications)
    yield from _shared_hosts(settings)
    yield from _crowded_memory(settings.build)


def _crowded_memory(build: Build | None) -> Iterator[str]:
    """Layers in memory count as memory of the step that writes them."""
    memory = build.storage.memory if build and build.storage else None
    if build and memory and quantity(memory) >= quantity(build.image_resources.memory):
        yield (
            f"{path(('build', 'storage', 'memory'))} = {json.dumps(memory)}: counts as memory of the image step, limited "
            f"to {build.image_resources.memory}; lower it, or raise `imageResources.memory`"
        )


def _here(where: Location, environment: Environment, every: Iterable[Part]) -> Iterator[str]:
    for part in every:
        place, here = (*where, *part.below), part.here(environment)
        if here.autoscaling and here.replicas is not None:
            problem = "`autoscaling` decides the number; remove one of the two"
            yield f"{path((*place, 'replicas'))} = {here.replicas}: {problem}"
        yield from _reserved((*place, "env"), here.env)
        if here.resources != ResourcesHere():
            yield from _requests(place, here.resources_of(part.container.resources))


def _unknown(where: Location, workload: Workload, every: Iterable[Part]) -> Iterator[str]:
    known = [part.key for part in every if part.key]
    for key in workload.workloads:
        if key not in known:
            rename = f"rename the key to one of {', '.join(known)}" if known else "declare it in `applications`"
            yield f"{path((*where, 'workloads', key))}: the application has no such workload; {rename}, or remove it"


def _workload(where: Location, environment: Environment, workload: Workload) -> Iterator[str]:
    if workload.host and environment.exposure is None:
        needed = "needs the environment's `exposure`; add it, with `ingress` or `gateway`"
        yield f"{path((*where, 'host'))} = {json.dumps(workload.host)}: {needed}"
    yield from _reserved((*where, "secrets", "env"), workload.secrets.env)
    for name in sorted(set(workload.env) & set(workload.secrets.env)):
        yield f"{path((*where, 'secrets', 'env', name))}: `env` has it too; remove one of the two"
    for name in sorted(set(workload.secrets.files) & set(workload.secrets.env)):
        yield f"{path((*where, 'secrets', 'files', name))}: a variable has this name too; rename one of the two"


def _reserved(where: Location, names: Iterable[str]) -> Iterator[str]:
    for name in sorted(set(names) & RESERVED.keys()):
        yield f"{path((*where, name))}: the program sets it, from `{RESERVED[name]}`; remove it here"


def _requests(place: Location, resources: Resources) -> Iterator[str]:
    for name in ("cpu", "memory"):
        request, limit = getattr(resources.requests, name), getattr(resources, name)
        if quantity(request) > quantity(limit):
            where = path((*place, "resources", "requests", name))
            yield f"{where} = {json.dumps(request)}: more than the limit {limit}; lower it, or raise `resources.{name}`"


def _services(place: Location, application: Application, build: Build | None) -> Iterator[str]:
    """Services are waited for one after another, and the build's timeout ends it without a reason."""
    ready = {name: service.ready for name, service in application.services.items() if service.ready}
    together = sum(seconds(each.timeout) for each in ready.values())
    if build and together >= seconds(build.timeout):
        last = list(ready)[-1]
        where, longest = path((*place, last, "ready", "timeout")), go_duration(f"{together}s")
        yield (
            f"{where} = {json.dumps(ready[last].timeout)}: the services may take {longest} together, and the whole build "
            f"ends after {build.timeout}; lower it, or raise `build.timeout`"
        )
    for name, service in application.services.items():
        for number, folder in enumerate(service.writable):
            if folder in service.writable[:number]:
                where = path((*place, name, "writable", number))
                yield f"{where} = {json.dumps(folder)}: stands there twice; remove one of the two"


def _too_many_pods(place: Location, environment: Environment, applications: Sequence[Application]) -> Iterator[str]:
    """A rollout stops at the quota."""
    needed = pods.needed(environment, applications)
    if environment.max_pods is not None and needed > environment.max_pods:
        rolling = "one more each during a rollout"
        if any(pods.lingers(each.container) and each.pods(environment) for each in pods.all_parts(applications)):
            rolling += f", twice as many where `terminationGracePeriod` is above {pods.LINGERS}s"
        yield (
            f"{path((*place, 'maxPods'))} = {environment.max_pods}: the applications may need {needed} pods, {rolling}; "
            f"raise it, lower their replicas, or leave it out"
        )


def _unanswered(environment: Environment, applications: Iterable[Application]) -> Iterator[str]:
    """Nobody answers a question where no pod runs."""
    for number, application in enumerate(applications):
        own = next(parts(application), None)
        if own and application.smoke_check and own.pods(environment) == 0 and not own.here(environment).autoscaling:
            yield (
                f"{path(('applications', number, 'smokeCheck'))}: nobody answers it in {environment.name}, where "
                "`replicas` is 0; remove it, or let a pod run"
            )


def _shared_hosts(settings: Settings) -> Iterator[str]:
    """A host name leads to one Service."""
    exposure = settings.listener.exposure
    hosts: list[tuple[Location, str | None]] = [(("listener", "exposure", "host"), exposure.host if exposure else None)]
    for index, environment in enumerate(settings.environments):
        for name, workload in environment.applications.items():
            hosts.append((("environments", index, "applications", name, "host"), workload.host))
    taken: dict[str, str] = {}
    for place, host in hosts:
        if host and host in taken:
            yield f"{path(place)} = {json.dumps(host)}: already taken by {taken[host]}; choose another one"
        elif host:
            taken[host] = path(place)
