"""Names that the cluster, or this program, has for something else already."""

import re
from collections.abc import Iterator

from components.conventions import FREEZE, LABEL_LIMIT, PULL_SECRET, WEBHOOK_SECRET, prefix
from components.credential import BASIC_AUTH, BUILD_SECRETS, BY_VOLUME, QUARANTINE_PUSH, SSH_DIRECTORY
from components.settings.application import Application
from components.settings.environment import Environment, Secrets
from components.settings.errors import Location, contradiction, path
from components.settings.settings import Settings
from components.settings.volumes import objects, references
from components.settings.workloads import parts
from steps.before_rollout import DIGITS, SETTING

# As of an application (`types.ApplicationName`).
LONGEST_PART = 53
# Where Jobs run before its rollouts: their names are labels of their pods, and end with a `-` and digits.
LONGEST_BEFORE = LABEL_LIMIT - DIGITS - 1
# What a name ends with that begins with an application's and its environment's: its Pipelines, and what runs them.
PARTS = ("fork", "rebuild", "proof", "base-moved", "rejected")


def names_in_use(settings: Settings) -> Iterator[str]:
    """Yield a line for each name that means something else already."""
    for number, application in enumerate(settings.applications):
        if application.name == "default":
            problem = "is the service account that each namespace has for pods without one; choose another"
            yield contradiction(("applications", number, "name"), application.name, problem)
        if application.before_rollout and len(application.name) > LONGEST_BEFORE:
            problem = f"is too long beside `{SETTING}`: its Jobs are called by it and {DIGITS} digits more, in "
            problem += f"{LABEL_LIMIT} characters; shorten it to {LONGEST_BEFORE}"
            yield contradiction(("applications", number, "name"), application.name, problem)
    yield from _workloads(settings)
    yield from _listener(settings)
    joined: dict[str, str] = {}
    begun: dict[tuple[str, str], str] = {}
    for index, environment in enumerate(settings.environments):
        secrets = _secrets(environment, settings)
        for number, application in enumerate(settings.applications):
            place: Location = ("applications", number, "name")
            pair = f"{application.name} in {environment.name}"
            begins = prefix(application.name, environment.name)
            if begun.setdefault((environment.name, begins), pair) != pair:
                problem = f"in {environment.name} has runs called {begins}-…, as {begun[environment.name, begins]} has"
                yield contradiction(place, application.name, f"{problem}; rename one of the applications")
            for called in (application.name, *(part.name for part in parts(application) if part.key)):
                name, pair = f"{environment.name}-{called}", f"{called} in {environment.name}"
                if joined.setdefault(name, pair) != pair:
                    problem = f"in {environment.name} is called {name}, as {joined[name]} is; rename one of the applications"
                    yield contradiction(place, application.name, problem)
            if application.name == PULL_SECRET and environment.workload(application.name).secrets != Secrets():
                problem = f"its Secret in {environment.name} would be that by which images are pulled; choose another"
                yield contradiction(place, application.name, problem)
            certificate = _certificate(environment, application)
            if certificate in secrets:
                problem = (
                    f"cert-manager would write its certificate to the Secret {certificate}, which is {secrets[certificate]}"
                )
                yield contradiction(place, application.name, f"{problem} in {environment.name}; set another `tlsSecret`")
        yield from _borrowed(environment, ("environments", index), settings)
        yield from _pipelines(environment, [application.name for application in settings.applications])


def _workloads(settings: Settings) -> Iterator[str]:
    """Yield a line for each further workload whose objects would be called as another one's."""
    whose = {each.name: f"the application {each.name}" for each in settings.applications if not each.existing}
    for number, application in enumerate(settings.applications):
        for part in parts(application):
            if part.key is None:
                continue
            if len(part.name) > LONGEST_PART:
                problem = f"its objects would be called {part.name}, more than {LONGEST_PART} characters; shorten a name"
                yield f"{path(('applications', number, *part.below))}: {problem}"
            if part.name in whose:
                problem = f"its Deployment would be that of {whose[part.name]}, {part.name}-pod; rename one of the two"
                yield f"{path(('applications', number, *part.below))}: {problem}"
            whose.setdefault(part.name, f"the workload {part.key} of {application.name}")
    taken = {f"{name}-pod": who for name, who in whose.items()}
    for number, application in enumerate(settings.applications):
        for index, each in enumerate(application.existing):
            if each.name in taken:
                problem = f"is the name of what runs {taken[each.name]} already; each has one of its own, of whichever kind"
                yield contradiction(("applications", number, "existing", index, "name"), each.name, problem)
            taken.setdefault(each.name, f"the application {application.name}")


def _listener(settings: Settings) -> Iterator[str]:
    """Yield a line where the certificate of the listener's host would lie in a Secret of the delivery namespace's own."""
    exposure = settings.listener.exposure
    certificate = exposure.ingress.secret(f"el-{settings.listener.name}") if exposure and exposure.ingress else None
    if certificate and is_own(certificate, settings):
        problem = "is a Secret of the delivery namespace with something else in it; choose another"
        yield contradiction(("listener", "exposure", "ingress", "tlsSecret"), certificate, problem)


def is_own(name: str, settings: Settings) -> bool:
    """Return whether a Secret of a delivery namespace is called as one that this program declares there."""
    each_its_own = (BUILD_SECRETS, QUARANTINE_PUSH, SSH_DIRECTORY, BASIC_AUTH)
    own = {each.secret for each in BY_VOLUME.values()}
    own |= {each.of(application.name).secret for each in each_its_own for application in settings.applications}
    return name in own or re.fullmatch(rf"{WEBHOOK_SECRET}(-[0-9]+)?", name) is not None


def _borrowed(environment: Environment, place: Location, settings: Settings) -> Iterator[str]:
    """What this program has made for a purpose of its own is nothing for an application's container."""
    own = {"Secret": _secrets(environment, settings), "ConfigMap": {FREEZE: "the switch that freezes it"}}
    for number, application in enumerate(settings.applications):
        patch: Location = ("podTemplate", "spec")
        for part in parts(application):
            container, here = part.container, part.here(environment)
            everywhere = references(container.env, container.env_from, container.volumes)
            only_here = references(here.env, here.env_from)
            for above, found in (
                (("applications", number), [*everywhere, *objects(container.pod_template.spec, patch)]),
                ((*place, "applications", application.name), [*only_here, *objects(here.pod_template.spec, patch)]),
            ):
                for where, kind, name in found:
                    if name in own[kind]:
                        problem = f"in {environment.name} that {kind} is {own[kind][name]}; name another one"
                        yield contradiction((*above, *part.below, *where), name, problem)


def _secrets(environment: Environment, settings: Settings) -> dict[str, str]:
    """Return what Secrets of an environment's namespace are called, and whose they are."""
    names = [each.name for each in settings.applications if environment.workload(each.name).secrets != Secrets()]
    own = {name: f"{name}'s own" for name in names} | {PULL_SECRET: "that by which images are pulled"}
    if settings.registry.read and (there := settings.registry.read.secret):
        own[there.name] = own[PULL_SECRET]
    return own


def _certificate(environment: Environment, application: Application) -> str | None:
    """Return the Secret that cert-manager writes for an application, if it does."""
    ingress = environment.exposure.ingress if environment.exposure else None
    if ingress is None or not ingress.cluster_issuer or not environment.workload(application.name).host:
        return None
    return ingress.secret(application.name)


def _pipelines(environment: Environment, names: list[str]) -> Iterator[str]:
    if environment.name in PARTS:
        for number, name in enumerate(names):
            for other in names:
                if prefix(name, environment.name) == f"{prefix(other, environment.name)}-{environment.name}":
                    problem = f"and {other} would have Pipelines of one name in {environment.name}; rename one of the three"
                    yield contradiction(("applications", number, "name"), name, problem)
