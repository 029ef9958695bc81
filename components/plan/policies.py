"""From settings to what identities are held to in one environment."""

from collections.abc import Iterator

from components.application import before_template
from components.conventions import lease_seconds, seconds
from components.listener.events import EVENTS, template
from components.plan import delivered, runs
from components.plan.application import application_args
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
        before_rollouts=dict(_before_rollouts(delivery)),
        approval=environment.approval,
        image_step=image_step(stack, builds, untrusted_secrets(delivery)) if builds else None,
    )


def _before_rollouts(delivery: Delivery) -> Iterator[tuple[str, Before]]:
    for application in delivery.settings.applications:
        if before := application.before_rollout:
            template = before_template(application_args(delivery, application, delivery.environment.workload_namespace))
            assert template
            repository = delivery.settings.registry.image(application.name)
            yield application.name, Before(repository=repository, seconds=before.seconds, template=template)
