"""From settings to an environment's credentials, with what is in each."""

from collections.abc import Mapping

import pulumi

from components.credential import (
    BUILD_SECRETS,
    FORGE_READER,
    MARK_SIGNING,
    QUARANTINE_PUSH,
    REGISTRY_DELETE,
    REGISTRY_PULL,
    REGISTRY_PUSH,
    SOURCE_PULL,
    Credential,
)
from components.credentials import CredentialsArgs, Held, RegistryLogin
from components.environment import Environment
from components.plan import forge
from components.plan.build import base_image_logins
from components.plan.delivery import Delivery
from components.settings.build import Build
from components.settings.registry import ReadRegistry, User
from components.settings.stack import Stack

# Keys of Secrets that everybody may read.
PUBLIC = ("known_hosts",)


def credentials_args(delivery: Delivery, environment: Environment) -> CredentialsArgs:
    """Return who reads and writes what.

    An environment that only promotes writes to no registry, unless it has one of its own to copy to.
    """
    stack, registry = delivery.stack, delivery.settings.registry
    held = forge.held(stack) | _registry(stack, REGISTRY_PULL, (registry.read, registry))
    if delivery.builds:
        held |= _of_builds(delivery, delivery.builds)
    else:
        held |= _of_merges(delivery)
    if delivery.ok_to_test and delivery.ok_to_test.token:
        held[FORGE_READER] = {"token": stack.secret(delivery.ok_to_test.token)}
    return CredentialsArgs(
        environment=delivery.environment.name,
        workload_namespace=environment.workload_namespace,
        delivery_namespace=environment.delivery_namespace,
        held=held,
        masked=_masked(held) if delivery.quotes else None,
    )


def _masked(held: Mapping[Credential, Held]) -> tuple[pulumi.Output[str], ...]:
    """Return the secrets that pods hold which run a pull request's code, each of them."""
    found: list[pulumi.Output[str]] = []
    for credential, values in held.items():
        if not credential.untrusted_steps:
            continue
        if isinstance(values, tuple):
            found += [login.password for login in values]
        else:
            found += [pulumi.Output.from_input(value) for name, value in values.items() if name not in PUBLIC]
    return tuple(found)


def _of_merges(delivery: Delivery) -> dict[Credential, Held]:
    """Return what copies an image from another registry, and what signs it for the next environment."""
    stack, registry, mark = delivery.stack, delivery.settings.registry, delivery.environment.mark
    held: dict[Credential, Held] = {}
    if delivery.source or delivery.vouches:
        held[REGISTRY_PUSH] = _logins(stack, (registry.write, registry))
    if delivery.source:
        held |= _registry(stack, SOURCE_PULL, (delivery.source.read, delivery.source))
    if mark.private_key and mark.password:
        held[MARK_SIGNING] = {"cosign.key": stack.lines(mark.private_key), "password": stack.secret(mark.password)}
    return held


def _of_builds(delivery: Delivery, builds: Build) -> dict[Credential, Held]:
    """Return what takes an image from a pull request's commit to the registry, with its mark."""
    stack, registry, quarantine, mark = delivery.stack, delivery.settings.registry, builds.quarantine, delivery.settings.mark
    bases = base_image_logins(builds)
    held: dict[Credential, Held] = {
        # Of two users of one host the last one counts: the one that writes.
        REGISTRY_PUSH: _logins(stack, (quarantine.read, quarantine), (registry.write, registry)),
        QUARANTINE_PUSH: _logins(stack, *bases, (quarantine.write, quarantine)),
    }
    if delivery.cleans:
        held[REGISTRY_DELETE] = _logins(stack, (quarantine.delete, quarantine), (registry.delete, registry))
    if mark.private_key and mark.password:
        held[MARK_SIGNING] = {"cosign.key": stack.lines(mark.private_key), "password": stack.secret(mark.password)}
    for application in delivery.settings.applications:
        if application.quarantine:
            held[QUARANTINE_PUSH.of(application.name)] = _logins(stack, *bases, (application.quarantine, quarantine))
        if application.build_secrets:
            files = {name: stack.secret(source) for name, source in application.build_secrets.items()}
            held[BUILD_SECRETS.of(application.name)] = files
    return held


Login = tuple[User | None, ReadRegistry]


def _registry(stack: Stack, credential: Credential, user: Login) -> dict[Credential, Held]:
    """Return a registry's credential, unless everybody may do without one."""
    return {credential: logins} if (logins := _logins(stack, user)) else {}


def _logins(stack: Stack, *users: Login) -> tuple[RegistryLogin, ...]:
    """Return the users that there are."""
    return tuple(
        RegistryLogin(host=registry.host, username=login.username, password=stack.secret(login.password))
        for login, registry in users
        if login
    )
