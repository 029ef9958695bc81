"""From settings to the arguments of an application in an environment."""

from dataclasses import replace

import pulumi

from components.application import ApplicationArgs
from components.conventions import lease_seconds, seconds
from components.existing import ExistingApplicationArgs
from components.plan import delivered
from components.plan.delivery import Delivery
from components.settings.application import Application, Container
from components.settings.environment import Workload
from components.settings.workloads import Part, parts


def application_args(delivery: Delivery, application: Application, namespace: pulumi.Input[str]) -> ApplicationArgs:
    """Return the arguments of an application's component in an environment."""
    stack, environment = delivery.stack, delivery.environment
    here = environment.workload(application.name)
    own, *followers = parts(application)
    args = ApplicationArgs(
        application=application.name,
        environment=environment.name,
        namespace=namespace,
        placeholder_image=stack.tools_image,
        container=application.model_copy(update={"resources": here.resources_of(application.resources)}),
        scale=here.autoscaling or own.pods(environment),
        env=here.env,
        env_from=here.env_from,
        pod_template=here.pod_template,
        secret_env={name: stack.secret(source) for name, source in here.secrets.env.items()},
        secret_files={name: stack.secret(source) for name, source in here.secrets.files.items()},
        quotes_logs=environment.quotes_logs,
        shared=environment.shared,
        delivery_namespace=environment.delivery_namespace if environment.namespaces.delivery else None,
        pull_secret=delivery.pull_secret,
        node_port=environment.node_ports.get(application.name),
        host=here.host,
        exposure=environment.exposure,
        rollout_timeout=environment.rollout_timeout,
        before_rollout=application.before_rollout,
    )
    return replace(args, followers={str(part.key): _follower(delivery, application, part, args) for part in followers})


def existing_args(delivery: Delivery, application: Application, namespace: pulumi.Input[str]) -> ExistingApplicationArgs:
    """Return the arguments of an application whose workloads are somebody else's."""
    environment = delivery.environment
    return ExistingApplicationArgs(
        application=application.name,
        environment=environment.name,
        namespace=namespace,
        lease=application.existing[0].name,
        lease_seconds=lease_seconds(seconds(environment.rollout_timeout), application.smoke_check_seconds),
        workloads=delivered.lines(application),
    )


def _follower(delivery: Delivery, application: Application, part: Part, leading: ApplicationArgs) -> ApplicationArgs:
    """Return what differs for a further workload: its container, and its pods here."""
    here = part.here(delivery.environment)
    container = shared(application, delivery.environment.workload(application.name), part.container)
    given = {*part.container.env, *here.env}
    return replace(
        leading,
        application=part.name,
        follows=application.name,
        container=container.model_copy(update={"resources": here.resources_of(container.resources)}),
        scale=here.autoscaling or part.pods(delivery.environment),
        env=here.env,
        env_from=here.env_from,
        pod_template=here.pod_template,
        secret_env={name: value for name, value in leading.secret_env.items() if name not in given},
        node_port=None,
        host=None,
        before_rollout=None,
    )


def shared(application: Application, here: Workload, container: Container) -> Container:
    """Return a further workload's container with what one image has everywhere: its user, and the application's variables.

    Its own are read after them.
    """
    named = container.model_fields_set
    user = container.user if "user" in named else application.user
    group = container.group if named & {"user", "group"} else application.group
    env = {**application.env, **here.env, **container.env}
    env_from = [*application.env_from, *here.env_from, *container.env_from]
    return container.model_copy(update={"user": user, "group": group, "env": env, "env_from": env_from})
