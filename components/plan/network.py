"""From settings to the arguments of an environment's network policies."""

from components.environment import Environment
from components.network import Destination, NetworkArgs
from components.plan import build
from components.plan.delivery import Delivery
from components.plan.tasks import tasks
from components.settings.build import Proxy
from components.settings.registry import ReadRegistry
from components.settings.workloads import parts


def network_args(delivery: Delivery, environment: Environment, listener: str | None) -> NetworkArgs:
    """Return what may be reached; `listener` is the EventListener's name where it lives here."""
    settings, builds, source = delivery.settings, delivery.builds, delivery.source
    forge, registry, applications = settings.forge, settings.registry, settings.applications
    return NetworkArgs(
        environment=delivery.environment.name,
        workload_namespace=environment.workload_namespace,
        delivery_namespace=environment.delivery_namespace,
        tasks=tasks(delivery),
        forge_git=Destination(url=forge.git_url, addresses=forge.addresses),
        forge_api=Destination(url=forge.api_url, addresses=forge.addresses),
        registry=_destination(registry),
        quarantine=_destination(builds.quarantine) if builds else None,
        base_images=[_destination(there) for there in build.asked_directly(builds)] if builds else (),
        proxy=_destination(builds.proxy) if builds and builds.proxy else None,
        internet=builds is not None and builds.internet is True,
        minter=forge.fetches_by_app,
        source=_destination(source) if source else None,
        cluster=settings.cluster,
        smoke_checked={
            each.name: None if each.existing else each.port for each in applications if each.smoke_check and each.port
        },
        shared=delivery.environment.shared,
        listener=listener,
        ports={part.name: part.container.port for each in applications for part in parts(each) if part.container.port},
    )


def _destination(there: ReadRegistry | Proxy) -> Destination:
    return Destination(url=there.url, addresses=there.addresses)
