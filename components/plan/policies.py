"""From settings to what identities are held to in one environment."""

from components.conventions import lease_seconds, seconds
from components.listener.events import EVENTS, template
from components.plan import delivered, runs
from components.plan.build import image_step
from components.plan.credentials import untrusted_secrets
from components.plan.delivery import Delivery
from components.policies.before_rollout import Before
from components.policies.component import PoliciesArgs


def policies_args(delivery: Delivery, listener: str) -> PoliciesArgs:
    """Return what admission policies hold to; `listener` is the user name of the listener's service account."""
    stack, settings, environment, builds = delivery.stack, delivery.settings, delivery.environment, delivery.builds
    return PoliciesArgs(
        environment=environment.name,
        workload_namespace=environment.workload_namespace,
        delivery_namespace=environment.delivery_namespace,
        listener=listener,
        applications=tuple(application.name for application in settings.applications),
        runs={
            trigger.event: template(trigger, EVENTS[trigger.event])["resourcetemplates"][0]
            for trigger in runs.triggers(delivery, environment.delivery_namespace)
        },
        shortened=runs.shortened(delivery),
        delivered=delivered.declared(settings, stack.tools_image.split("@")[0]),
        existing=delivered.existing(settings),
        lease_seconds={
            each.name: lease_seconds(seconds(environment.rollout_timeout), application.besides_seconds)
            for application in settings.applications
            for each in delivered.workloads(application)
            if each.leads
        },
        before_rollouts={
            application.name: Before(
                repository=settings.registry.image(application.name), seconds=application.before_rollout.seconds
            )
            for application in settings.applications
            if application.before_rollout
        },
        approval=environment.approval,
        image_step=image_step(stack, builds, untrusted_secrets(delivery)) if builds else None,
    )
