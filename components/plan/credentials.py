"""From settings to the arguments of an environment's credentials."""

from components.credentials import CredentialsArgs, RegistryLogin, SigningKey
from components.environment import Environment
from components.plan.delivery import Delivery
from components.plan.forge import git_credential
from components.settings.registry import Credential, ReadRegistry
from components.settings.stack import Stack


def credentials_args(delivery: Delivery, environment: Environment) -> CredentialsArgs:
    """Return who reads and writes what.

    An environment that only promotes writes to no registry, unless it has one of its own to copy to.
    """
    stack, builds, source, ok_to_test = delivery.stack, delivery.builds, delivery.source, delivery.ok_to_test
    forge, registry, mark = stack.settings.forge, stack.settings.registry, stack.settings.mark
    return CredentialsArgs(
        environment=delivery.environment.name,
        workload_namespace=environment.workload_namespace,
        delivery_namespace=environment.delivery_namespace,
        forge_token=stack.secret(forge.token) if forge.token else None,
        forge_app=stack.secret(forge.app.private_key) if forge.app else None,
        forge_reader=stack.secret(ok_to_test.token) if ok_to_test and ok_to_test.token else None,
        pull=_logins(stack, registry.read, registry),
        # Of two users of one host the last one counts: the one that writes.
        push=(
            *(_logins(stack, builds.quarantine.read, builds.quarantine) if builds else ()),
            *_logins(stack, registry.write, registry),
        )
        if builds or source
        else None,
        delete=(*_logins(stack, builds.quarantine.delete, builds.quarantine), *_logins(stack, registry.delete, registry))
        if builds and registry.delete
        else (),
        source=_logins(stack, source.read, source) if source else (),
        quarantine=_logins(stack, builds.quarantine.write, builds.quarantine) if builds else None,
        quarantine_of={
            application.name: _logins(stack, application.quarantine, builds.quarantine)
            for application in stack.settings.applications
            if builds and application.quarantine
        },
        git=git_credential(stack),
        build={
            application.name: {name: stack.secret(source) for name, source in application.build_secrets.items()}
            for application in stack.settings.applications
            if builds and application.build_secrets
        },
        mark=SigningKey(private_key=stack.secret(mark.private_key), password=stack.secret(mark.password))
        if builds and mark.private_key and mark.password
        else None,
    )


def _logins(stack: Stack, login: Credential | None, registry: ReadRegistry) -> tuple[RegistryLogin, ...]:
    if login is None:
        return ()
    return (RegistryLogin(host=registry.host, username=login.username, password=stack.secret(login.password)),)
