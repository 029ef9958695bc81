"""What one setting means for another. Each mistake is one line: where, what, how to mend it."""

import json
from collections.abc import Iterator, Sequence

from components.conventions import CA_BUNDLE
from components.settings.application import Application
from components.settings.base_image_checks import base_image_inconsistencies
from components.settings.build import Build
from components.settings.contents import certificates
from components.settings.environment import Environment
from components.settings.errors import contradiction, path
from components.settings.forge_checks import forge_inconsistencies
from components.settings.mark import Mark
from components.settings.names import names_in_use
from components.settings.namespace_checks import namespace_inconsistencies
from components.settings.network_checks import network_inconsistencies
from components.settings.registry import ReadRegistry, Registry
from components.settings.settings import Settings


def inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that contradicts another one."""
    environments, applications = settings.environments, settings.applications
    yield from _repeated("environments", "name", [environment.name for environment in environments])
    yield from _one_that_builds(environments)
    yield from _repeated("applications", "name", [application.name for application in applications])
    yield from _repositories(applications)
    yield from _tests(settings)
    yield from names_in_use(settings)
    yield from namespace_inconsistencies(environments, settings.cluster)
    delivery_namespaces = {environment.delivery_namespace for environment in environments}
    names = [application.name for application in applications]
    for index, environment in enumerate(environments):
        place = ("environments", index)
        if environment.deliver_on == "pull-request" and settings.build is None:
            needed = f"needs the key `{path(('build',))}`; add it, with `quarantine`"
            yield contradiction((*place, "deliverOn"), environment.deliver_on, needed)
        for key in _missing_keys(environment, settings.mark):
            needed = f"needs the key `{path(('mark', key))}`; add it, with `file` or `config`"
            yield contradiction((*place, "deliverOn"), environment.deliver_on, needed)
        if environment.deliver_on == "pull-request" and environment.approval:
            problem = "takes no `approval`: nobody waits for a pull request; remove it, or give it to the next environment"
            yield contradiction((*place, "deliverOn"), environment.deliver_on, problem)
        for number, user in enumerate(environment.approval.users if environment.approval else []):
            if any(user.startswith(f"system:serviceaccount:{own}:") for own in delivery_namespaces):
                problem = "is an identity of runs, which would approve what they bring; name people"
                yield contradiction((*place, "approval", "users", number), user, problem)
        if environment.deliver_on == "merge" and "on_reject" in environment.model_fields_set:
            problem = "says nothing where it delivers on merge: what is rejected never gets here; remove it"
            yield contradiction((*place, "onReject"), environment.on_reject, problem)
        # One waits for what the other one builds.
        promotes_from = environment.promotes_from if environment.deliver_on == "merge" else None
        for source in (other for other in environments if other.name == promotes_from):
            if environment.stale_base != source.stale_base:
                problem = f'is "{source.stale_base}" for {source.name}, which it promotes from; name the same for both'
                yield contradiction((*place, "staleBase"), environment.stale_base, problem)
        for name in sorted(set(environment.node_ports) - set(names)):
            where = path((*place, "nodePorts", name))
            yield f"{where}: no such application; rename the key to one of {', '.join(names)}, or remove it"
    yield from forge_inconsistencies(settings)
    yield from network_inconsistencies(settings)
    rotation = settings.listener.webhook_secret
    if rotation.accept_previous and rotation.generation == 1:
        where = path(("listener", "webhookSecret", "acceptPrevious"))
        yield f"{where} = true: there is none before generation 1; set `generation: 2`, or leave `acceptPrevious` out"
    if isinstance(settings.ca_bundle, str) and (problem := certificates(settings.ca_bundle)):
        yield f"{path(('caBundle',))}: {problem}"  # without the text, which may hold a private key
    for index, application in enumerate(applications):
        if settings.ca_bundle and CA_BUNDLE in application.build_secrets:
            where = path(("applications", index, "buildSecrets", CA_BUNDLE))
            yield f"{where}: by that name a build has the authorities of `{path(('caBundle',))}`; choose another one"
    yield from _shared_ports(settings)
    if settings.build:
        yield from _open_quarantine(settings.build, settings.registry)
        yield from base_image_inconsistencies(settings, settings.build)
        if settings.build.quarantine.delete and settings.registry.delete is None:
            problem = f"goes with the key `{path(('registry', 'delete'))}`: what is not deleted there stays; add it"
            yield f"{path(('build', 'quarantine', 'delete'))}: {problem}"
    if settings.source_registry:
        yield from _source_registry(settings, settings.source_registry)


def _repositories(applications: Sequence[Application]) -> Iterator[str]:
    """Applications may share a repository, and then its base branch; what they are built from lies in their paths."""
    first: dict[str, int] = {}
    for index, application in enumerate(applications):
        at = first.setdefault(application.repository.lower(), index)
        other = applications[at]
        if application.base_branch != other.base_branch:
            problem = f"is {json.dumps(other.base_branch)} for {other.name}"
            yield contradiction(
                ("applications", index, "baseBranch"),
                application.base_branch,
                f"{problem}, of the same repository; pull requests have one target: name the same branch",
            )
        if application.repository_id and other.repository_id not in (None, application.repository_id):
            yield contradiction(
                ("applications", index, "repositoryId"),
                application.repository_id,
                f"is {other.repository_id} for {other.name}, of the same repository; "
                "name the same number, or leave it out here",
            )
        inside = any(
            application.dockerfile == path or application.dockerfile.startswith(f"{path}/") for path in application.paths
        )
        if application.paths and not inside:
            problem = (
                f"lies outside of `paths` ({', '.join(application.paths)}), so its changes would not be delivered; add it"
            )
            yield contradiction(("applications", index, "dockerfile"), application.dockerfile, problem)


def _tests(settings: Settings) -> Iterator[str]:
    """Tests are named once, and a fork's have no builder beside them."""
    for index, application in enumerate(settings.applications):
        place = ("applications", index)
        if application.tests and "test_command" in application.model_fields_set:
            problem = "stands beside `tests`, and only one of them is used; remove one"
            yield contradiction((*place, "testCommand"), application.test_command, problem)
        if application.tested.stage and settings.forge.ok_to_test:
            problem = (
                f"is built where an image is built, and `{path(('forge', 'okToTest'))}` tests forks where none is; "
                "give `tests.command` and `tests.image`, or remove `okToTest`"
            )
            yield contradiction((*place, "tests", "stage"), application.tested.stage, problem)


def _missing_keys(environment: Environment, mark: Mark) -> list[str]:
    """Who delivers pull requests signs marks, who delivers merges verifies them."""
    if environment.deliver_on == "merge":
        return [] if environment.mark.believed(mark) else ["publicKey"]
    return [name for name, value in (("privateKey", mark.private_key), ("password", mark.password)) if value is None]


def _shared_ports(settings: Settings) -> Iterator[str]:
    """A port of the nodes belongs to one Service of the whole cluster."""
    taken: dict[int, str] = {}
    for index, environment in enumerate(settings.environments):
        for name, port in environment.node_ports.items():
            place = path(("environments", index, "nodePorts", name))
            if port in taken:
                yield f"{place} = {port}: already taken by {taken[port]}; choose another one"
            taken.setdefault(port, place)


def _open_quarantine(build: Build, registry: Registry) -> Iterator[str]:
    """What pull-request code can write to is not where the applications' images are."""
    if build.quarantine.image("") == registry.image(""):
        problem = "is `registry` itself, which pull-request code must not write to; name another host or path"
        yield contradiction(("build", "quarantine", "host"), build.quarantine.host, problem)


def _source_registry(settings: Settings, source: ReadRegistry) -> Iterator[str]:
    """Images come from elsewhere only to an environment that promotes, from one of another stack."""
    place = ("sourceRegistry", "host")
    promoting = [environment for environment in settings.environments if environment.deliver_on == "merge"]
    names = {environment.name for environment in settings.environments}
    if not promoting:
        yield contradiction(
            place, source.host, "no environment here has `deliverOn: merge`, so nothing is promoted; remove the key"
        )
    if promoting and all(environment.promotes_from in names for environment in promoting):
        kept = f"the environment {promoting[0].promotes_from} is in this stack and keeps its images in `registry`"
        yield contradiction(place, source.host, f"{kept}; remove the key")
    if source.image("") == settings.registry.image(""):
        yield contradiction(
            place, source.host, "is `registry` itself, with the same path; remove the key, or name another one"
        )
    if promoting and settings.registry.write is None:
        needed = f"needs the key `{path(('registry', 'write'))}`: the user that writes the copies; add it"
        yield contradiction(place, source.host, needed)


def _one_that_builds(environments: Sequence[Environment]) -> Iterator[str]:
    """A pull request is built for one environment of a stack; a merge may go to several."""
    building = [index for index, environment in enumerate(environments) if environment.deliver_on == "pull-request"]
    for index in building[1:]:
        problem = (
            f"a stack has one such environment, and environments[{building[0]}] is it; give this one a stack of its own"
        )
        yield contradiction(("environments", index, "deliverOn"), environments[index].deliver_on, problem)


def _repeated(group: str, key: str, values: Sequence[str]) -> Iterator[str]:
    for index, value in enumerate(values):
        first = values.index(value)
        if first < index:
            yield contradiction(
                (group, index, key), value, f"must be unique, and {group}[{first}] has it; change one of them"
            )
