"""From settings to the arguments of an application in an environment."""

import pulumi

from components.application import ApplicationArgs
from components.plan.delivery import Delivery
from components.settings.application import Application


def application_args(delivery: Delivery, application: Application, namespace: pulumi.Input[str]) -> ApplicationArgs:
    """Return the arguments of an application's component in an environment."""
    stack, environment = delivery.stack, delivery.environment
    here = environment.workload(application.name)
    return ApplicationArgs(
        application=application.name,
        environment=environment.name,
        namespace=namespace,
        placeholder_image=stack.tools_image,
        container=application.model_copy(update={"resources": here.resources_of(application.resources)}),
        scale=here.autoscaling or environment.pods(application.name),
        env=here.env,
        env_from=here.env_from,
        pod_template=here.pod_template,
        secret_env={name: stack.secret(source) for name, source in here.secrets.env.items()},
        secret_files={name: stack.secret(source) for name, source in here.secrets.files.items()},
        shared=environment.shared,
        delivery_namespace=environment.delivery_namespace if environment.namespaces.delivery else None,
        pull_secret=delivery.pull_secret,
        node_port=environment.node_ports.get(application.name),
        host=here.host,
        exposure=environment.exposure,
        rollout_timeout=environment.rollout_timeout,
    )
