"""From settings to the arguments of the build Task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from components.conventions import Manifest
from components.credential import BUILD_SECRETS, QUARANTINE_PUSH, Credential
from components.plan import forge
from components.policies.pods import ImageStep
from components.settings.application import FETCH_MEMORY, Application
from components.settings.build import Build
from components.settings.registry import ReadRegistry, User
from components.settings.stack import Stack
from components.settings.tests import Tests
from components.tasks import build, tests, trust
from components.tasks.build import BuildTaskArgs
from components.tasks.service import Sidecar
from components.tasks.tested import Tested

# What is never asked of a proxy: the pod itself and the cluster's Services.
INSIDE = ("localhost", "127.0.0.1", ".svc", ".cluster.local")
# By what a file of logins names Docker Hub.
DOCKER_HUB = "https://index.docker.io/v1/"


def own_tasks(stack: Stack, settings: Build, *, forks: bool) -> dict[str, Manifest]:
    """Return the Tasks of applications with services, build secrets, tests, a user in quarantine or memory of their own.

    Sidecars, volumes and limits belong to a Task, not to a Pipeline. Forks' tests have the services alone.
    """
    made: dict[str, Manifest] = {}
    shared = build_task(stack, settings)
    for application in stack.settings.applications:
        own = replace(shared, fetch_memory=application.fetch.memory, tested=_tested(stack, application.tested))
        services = [
            Sidecar(name=name, image=stack.text(service.image), service=service)
            for name, service in application.services.items()
        ]
        if (name := task_of(application, build.NAME)) != build.NAME:
            secrets = BUILD_SECRETS.of(application.name) if application.build_secrets else None
            made[name] = build.spec(replace(own, secrets=secrets, quarantine=_login(application)), services)
        if forks and (name := task_of(application, tests.NAME)) != tests.NAME:
            made[name] = tests.spec(own, services)
    return made


def task_of(application: Application, task: str) -> str:
    """Return the name of the Task that does the work of `task` for an application: its own, e.g. `build-shop`, or `task`."""
    own = bool(application.services) or application.fetch.memory != FETCH_MEMORY
    own = own or not application.tested.as_all
    if task == build.NAME:
        own = own or bool(application.build_secrets) or application.quarantine is not None
    return f"{task}-{application.name}" if own else task


def image_step(stack: Stack, settings: Build, secrets: Mapping[str, Sequence[str]]) -> ImageStep:
    """Return what pods with pull-request code are held to; `secrets` says which steps may mount each that they have."""
    return ImageStep(
        container="step-image",
        security_context=build.image_security_context(settings.seccomp_profile, process_sandbox=settings.process_sandbox),
        secrets={secret: tuple(f"step-{name}" for name in steps) for secret, steps in secrets.items()},
        service_images=_service_images(stack),
        test_images=_test_images(stack),
        step_images=(stack.tools_image, stack.text(settings.builder_image)),
    )


def _login(application: Application) -> Credential:
    return QUARANTINE_PUSH.of(application.name) if application.quarantine else QUARANTINE_PUSH


def _service_images(stack: Stack) -> tuple[str, ...]:
    """Return the images of all services."""
    found = {stack.text(each.image) for application in stack.settings.applications for each in application.services.values()}
    return tuple(sorted(found))


def _test_images(stack: Stack) -> tuple[str, ...]:
    """Return the images that are named for tests."""
    found = {stack.text(each.tested.image) for each in stack.settings.applications if each.tested.image}
    return tuple(sorted(found))


def _tested(stack: Stack, tests: Tests) -> Tested:
    return Tested(
        image=stack.text(tests.image) if tests.image else None,
        user=tests.user,
        stage=tests.stage or "",
        reports=tuple(tests.reports),
    )


def build_task(stack: Stack, build: Build) -> BuildTaskArgs:
    """Return what differs between installations."""
    return BuildTaskArgs(
        git=forge.git(stack.settings.forge),
        quarantine_insecure=build.quarantine.insecure,
        builder_image=stack.text(build.builder_image),
        seccomp_profile=build.seccomp_profile,
        process_sandbox=build.process_sandbox,
        test=build.test_resources,
        image=build.image_resources,
        proxy=proxy_env(build) if build.proxy else {},
        storage=build.storage,
        base_images=base_images(build),
        certificates=trust.TRUSTED if stack.settings.ca_bundle else "",
    )


def base_images(build: Build) -> str:
    """Return BuildKit's configuration of the registries that base images come from, beside that of the quarantine registry.

    https://github.com/moby/buildkit/blob/master/docs/buildkitd.toml.md
    """
    tables: dict[str, list[str]] = {}
    for name, there in build.base_images.items():
        if name != there.host:
            mirror = there.image("")
            tables.setdefault(name, []).append(f'mirrors = ["{mirror}"]')
    plain = {there.host for there in build.base_images.values() if there.insecure} - {build.quarantine.host}
    for host in plain:
        tables.setdefault(host, []).extend(["http = true", "insecure = true"])
    return "\n".join(line for host, lines in sorted(tables.items()) for line in (f'[registry."{host}"]', *lines))


def base_image_logins(build: Build) -> list[tuple[User, ReadRegistry]]:
    """Return who reads base images where, with the host as clients look for it in their file of logins."""
    return [
        (there.read, there.model_copy(update={"host": DOCKER_HUB}) if there.host == "docker.io" else there)
        for there in build.base_images.values()
        if there.read
    ]


def asked_directly(build: Build) -> list[ReadRegistry]:
    """Return the registries of base images that no proxy asks, without the quarantine registry."""
    by_proxy = build.base_images_by_proxy
    return [
        there for name, there in build.base_images.items() if name not in by_proxy and there.host != build.quarantine.host
    ]


def proxy_env(build: Build) -> dict[str, str]:
    """Return the variables by which clients find the proxy. Some read the names in capitals only, some in small letters."""
    assert build.proxy
    hosts = dict.fromkeys(there.host.split(":")[0] for there in (build.quarantine, *asked_directly(build)))
    direct = ",".join([*INSIDE, *hosts, *build.proxy.except_for])
    named = {"HTTP_PROXY": build.proxy.url, "HTTPS_PROXY": build.proxy.url, "NO_PROXY": direct}
    return named | {name.lower(): value for name, value in named.items()}
