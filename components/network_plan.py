"""From settings to the arguments of an environment's network policies."""

from collections.abc import Mapping

from components.conventions import Manifest
from components.environment import Environment
from components.network import Destination, NetworkArgs
from components.settings.build import Build, Proxy
from components.settings.environment import Environment as EnvironmentSettings
from components.settings.registry import ReadRegistry
from components.settings.stack import Stack


def network_args(
    stack: Stack,
    settings: EnvironmentSettings,
    environment: Environment,
    tasks: Mapping[str, Manifest],
    builds: Build | None,
    source: ReadRegistry | None,
    listener: str | None,
) -> NetworkArgs:
    """Return what may be reached.

    `builds` is given where images are built, `source` where they are promoted from another registry, `listener` is the
    EventListener's name where it lives here.
    """
    forge, registry, applications = stack.settings.forge, stack.settings.registry, stack.settings.applications
    return NetworkArgs(
        environment=settings.name,
        workload_namespace=environment.workload_namespace,
        delivery_namespace=environment.delivery_namespace,
        tasks=tasks,
        forge_git=Destination(url=forge.git_url, addresses=forge.addresses),
        forge_api=Destination(url=forge.api_url, addresses=forge.addresses),
        registry=_destination(registry),
        quarantine=_destination(builds.quarantine) if builds else None,
        proxy=_destination(builds.proxy) if builds and builds.proxy else None,
        internet=builds is not None and builds.internet is True,
        source=_destination(source) if source else None,
        api_server=stack.settings.cluster.api_server_addresses,
        own=stack.settings.cluster.own_addresses,
        asked={application.name: application.port for application in applications if application.smoke_check},
        listener=listener,
        ports={application.name: application.port for application in applications},
    )


def _destination(there: ReadRegistry | Proxy) -> Destination:
    return Destination(url=there.url, addresses=there.addresses)
