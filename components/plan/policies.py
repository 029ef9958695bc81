"""From settings to what identities are held to in one environment."""

from components.application import deployment_name
from components.conventions import CONTAINER, lease_seconds, seconds
from components.listener.events import EVENTS, template
from components.plan import runs
from components.plan.build import image_step
from components.plan.delivery import Delivery
from components.policies.before_rollout import Before
from components.policies.component import PoliciesArgs
from components.settings.workloads import parts


def policies_args(delivery: Delivery, listener: str) -> PoliciesArgs:
    """Return what admission policies hold to; `listener` is the user name of the listener's service account."""
    stack, settings, environment, builds = delivery.stack, delivery.settings, delivery.environment, delivery.builds
    return PoliciesArgs(
        environment=environment.name,
        workload_namespace=environment.name,
        delivery_namespace=environment.delivery_namespace,
        listener=listener,
        applications=tuple(application.name for application in settings.applications),
        runs={
            trigger.event: template(trigger, EVENTS[trigger.event])["resourcetemplates"][0]
            for trigger in runs.triggers(delivery, environment.delivery_namespace)
        },
        container=CONTAINER,
        repositories={
            deployment_name(part.name): settings.registry.image(application.name)
            for application in settings.applications
            for part in parts(application)
        },
        followers=tuple(
            deployment_name(part.name) for application in settings.applications for part in parts(application) if part.key
        ),
        lease_seconds={
            deployment_name(application.name): lease_seconds(
                seconds(environment.rollout_timeout), application.besides_seconds
            )
            for application in settings.applications
        },
        before_rollouts={
            application.name: Before(
                repository=settings.registry.image(application.name), seconds=application.before_rollout.seconds
            )
            for application in settings.applications
            if application.before_rollout
        },
        placeholder_repository=stack.tools_image.split("@")[0],
        approval=environment.approval,
        image_step=image_step(stack, builds) if builds else None,
    )
