"""From settings to the arguments of an application in an environment, and of what exposes a Service."""

from dataclasses import replace

import pulumi

from components.application import ApplicationArgs, Autoscaling
from components.conventions import seconds
from components.exposure import BODY_LIMITS, Exposure, Gateway, Ingress
from components.plan.delivery import Delivery
from components.pod import Health, Resources
from components.settings.application import Application, Probes
from components.settings.exposure import Exposure as ExposureSettings
from components.settings.exposure import ListenerExposure


def application_args(delivery: Delivery, application: Application, namespace: pulumi.Input[str]) -> ApplicationArgs:
    """Return the arguments of an application's component in an environment."""
    stack, environment = delivery.stack, delivery.environment
    here, resources = environment.workload(application.name), application.resources
    auto = here.autoscaling
    replicas = environment.replicas if here.replicas is None else here.replicas
    return ApplicationArgs(
        application=application.name,
        environment=environment.name,
        namespace=namespace,
        placeholder_image=stack.tools_image,
        port=application.port,
        health=_health(application.health_path, application.probes),
        resources=Resources(
            cpu=resources.cpu,
            memory=resources.memory,
            request_cpu=resources.requests.cpu,
            request_memory=resources.requests.memory,
        ),
        scale=Autoscaling(lowest=auto.min, highest=auto.max, cpu_percent=auto.cpu) if auto else replicas,
        env={**application.env, **here.env},
        secret_env={name: stack.secret(source) for name, source in here.secrets.env.items()},
        secret_files={name: stack.secret(source) for name, source in here.secrets.files.items()},
        pull_secret=delivery.pull_secret,
        node_port=environment.node_ports.get(application.name),
        exposure=_exposure(here.host, environment.exposure) if here.host and environment.exposure else None,
        rollout_timeout_seconds=seconds(environment.rollout_timeout),
        smoke_check_seconds=application.smoke_check_seconds,
    )


def listener_exposure(settings: ListenerExposure) -> Exposure:
    """Return the way by which the forge reaches the listener."""
    made = _exposure(settings.host, settings)
    if isinstance(made.by, Gateway):
        return made
    limit = BODY_LIMITS.get(made.by.class_name, {})
    return replace(made, by=replace(made.by, annotations={**limit, **made.by.annotations}))


def _health(path: str, probes: Probes) -> Health:
    return Health(
        path=path,
        port=probes.port,
        liveness_path=probes.liveness.path if probes.liveness else None,
        startup_path=probes.startup.path if probes.startup else None,
        startup_seconds=seconds(probes.startup.timeout) if probes.startup else 0,
    )


def _exposure(host: str, settings: ExposureSettings) -> Exposure:
    if settings.gateway:
        gateway = settings.gateway
        return Exposure(host=host, by=Gateway(name=gateway.name, namespace=gateway.namespace, section=gateway.section))
    ingress = settings.ingress
    assert ingress, "the model demands one of the two"
    by = Ingress(
        class_name=ingress.class_name,
        tls_secret=ingress.tls_secret,
        cluster_issuer=ingress.cluster_issuer,
        annotations=ingress.annotations,
    )
    return Exposure(host=host, by=by)
