"""From settings to an environment's credentials, with what is in each."""

from collections.abc import Mapping

import pulumi

from components.conventions import Manifest
from components.credential import (
    BASIC_AUTH,
    BUILD_SECRETS,
    DOCKER_FILE,
    DOCKER_KEY,
    FORGE_READER,
    MARK_SIGNING,
    QUARANTINE_PUSH,
    REGISTRY_DELETE,
    REGISTRY_PULL,
    REGISTRY_PUSH,
    SOURCE_PULL,
    Credential,
    KeyOfSecret,
    secrets_of,
)
from components.credentials import CredentialsArgs, Held, RegistryLogin, volume
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
    """Return who reads and writes what."""
    return CredentialsArgs(
        environment=delivery.environment.name,
        workload_namespace=environment.workload_namespace,
        delivery_namespace=environment.delivery_namespace,
        held=held(delivery),
        minted=BASIC_AUTH if delivery.settings.forge.fetches_by_app else None,
        masked=masked(delivery),
    )


def quotes(delivery: Delivery) -> bool:
    """Return whether what pods printed that run a pull request's code is quoted on the forge."""
    return masked(delivery) is not None


def masked(delivery: Delivery) -> tuple[pulumi.Output[str], ...] | None:
    """Return the secrets that are hidden in quoted logs: those that pods hold which run a pull request's code, each of them.

    None where no log is quoted: by the settings, or because one of them is in a Secret whose content nobody here knows.
    """
    if delivery.builds is None or not delivery.environment.quotes_logs:
        return None
    found: list[pulumi.Output[str]] = []
    for credential, values in held(delivery).items():
        if not credential.untrusted_steps:
            continue
        if isinstance(values, tuple):
            found += [login.password for login in values]
            continue
        for value in (value for name, value in values.items() if name not in PUBLIC):
            if isinstance(value, KeyOfSecret):
                return None
            found.append(pulumi.Output.from_input(value))
    return tuple(found)


def held(delivery: Delivery) -> dict[Credential, Held]:
    """Return each credential of an environment, with what is in it.

    An environment that only promotes writes to no registry, unless it has one of its own to copy to.
    """
    stack, registry = delivery.stack, delivery.settings.registry
    made = forge.held(stack) | _registry(stack, REGISTRY_PULL, (registry.read, registry))
    if delivery.builds:
        made |= _of_builds(delivery, delivery.builds)
    else:
        made |= _of_merges(delivery)
    if delivery.ok_to_test and delivery.ok_to_test.token:
        made[FORGE_READER] = {"token": stack.held(delivery.ok_to_test.token)}
    return made


def drawn(tasks: Mapping[str, Manifest], held: Mapping[Credential, Held]) -> dict[str, Manifest]:
    """Return Tasks whose volumes have files of Secrets that are there already, where settings name such."""
    there = {
        (credential.name, credential.secret): made
        for credential, parts in held.items()
        if (made := volume(credential, parts)) != credential.volume()
    }

    def mounted(declared: Manifest) -> Manifest:
        return there.get((declared["name"], declared.get("secret", {}).get("secretName")), declared)

    return {name: task | {"volumes": [mounted(each) for each in task["volumes"]]} for name, task in tasks.items()}


def untrusted_secrets(delivery: Delivery) -> dict[str, tuple[str, ...]]:
    """Return each Secret that a pod with pull-request code may mount, and the steps that may."""
    made: dict[str, tuple[str, ...]] = {}
    there = held(delivery)
    if all(application.quarantine for application in delivery.settings.applications):
        there.pop(QUARANTINE_PUSH, None)
    for credential, parts in there.items():
        for name in sorted(secrets_of(volume(credential, parts))) if credential.untrusted_steps else ():
            made[name] = tuple(dict.fromkeys((*made.get(name, ()), *credential.untrusted_steps)))
    return made


def _of_merges(delivery: Delivery) -> dict[Credential, Held]:
    """Return what copies an image from another registry, and what signs it for the next environment."""
    stack, registry, mark = delivery.stack, delivery.settings.registry, delivery.environment.mark
    held: dict[Credential, Held] = {}
    if delivery.source or delivery.vouches:
        held[REGISTRY_PUSH] = _logins(stack, (registry.write, registry))
    if delivery.source:
        held |= _registry(stack, SOURCE_PULL, (delivery.source.read, delivery.source))
    if mark.private_key and mark.password:
        held[MARK_SIGNING] = {
            "cosign.key": stack.held(mark.private_key, lines=True),
            "password": stack.held(mark.password),
        }
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
        held[MARK_SIGNING] = {
            "cosign.key": stack.held(mark.private_key, lines=True),
            "password": stack.held(mark.password),
        }
    for application in delivery.settings.applications:
        if application.quarantine:
            held[QUARANTINE_PUSH.of(application.name)] = _logins(stack, *bases, (application.quarantine, quarantine))
        if application.build_secrets:
            files = {name: stack.held(source) for name, source in application.build_secrets.items()}
            held[BUILD_SECRETS.of(application.name)] = files
    return held


Login = tuple[User | None, ReadRegistry]


def _registry(stack: Stack, credential: Credential, user: Login) -> dict[Credential, Held]:
    """Return a registry's credential, unless everybody may do without one."""
    return {credential: logins} if (logins := _logins(stack, user)) else {}


def _logins(stack: Stack, *users: Login) -> Held:
    """Return the users that there are, or the Secret that has them all: a client of registries looks into one file."""
    there = [(user, registry) for user, registry in users if user]
    if there and (secret := there[0][0].secret):
        return {DOCKER_FILE: KeyOfSecret(secret=secret.name, key=DOCKER_KEY)}
    return tuple(
        RegistryLogin(host=registry.host, username=user.username, password=stack.secret(user.password))
        for user, registry in there
        if user.username and user.password
    )
