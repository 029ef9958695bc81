"""From settings to the runs of one environment: what starts which, what it holds, and how long it may take."""

import pulumi

from components.conventions import prefix
from components.listener.events import EVENTS, Trigger
from components.pipelines import fork, moved, promotion, pull_request, rebuild, timeouts
from components.plan.delivery import Delivery
from components.plan.pipelines import pipelines


def triggers(delivery: Delivery, namespace: pulumi.Input[str]) -> list[Trigger]:
    """Return what brings events to an environment; `namespace` is its delivery namespace."""
    settings, environment, builds = delivery.settings, delivery.environment, delivery.builds
    git = delivery.git.bound()
    if not builds:
        runs = {"merge": promotion.run(git, announced=delivery.announces)}
    else:
        runs = {
            "pull-request": pull_request.run(git),
            "rejected": pull_request.rejected_run(restores=delivery.restores, cleans=delivery.cleans),
            "base-moved": moved.run(git),
        }
        if environment.stale_base == "rebuild":
            runs["rebuild"] = rebuild.run(git)
        if settings.forge.ok_to_test:
            runs["ok-to-test"] = fork.run(git)
    made = {application.name: pipelines(delivery, application) for application in settings.applications}
    started = {
        event: [specs[f"{prefix(name, environment.name)}-{EVENTS[event].pipeline}"] for name, specs in made.items()]
        for event in runs
    }
    return [
        Trigger(
            environment=environment.name,
            event=event,
            namespace=namespace,
            run=run,
            timeouts=timeouts.of_run(*started[event]),
            shortened=shortened(delivery),
        )
        for event, run in runs.items()
    ]


def shortened(delivery: Delivery) -> dict[str, str]:
    """Return what names of runs begin with, by application, where both names are too long."""
    environment = delivery.environment.name
    begin = {application.name: prefix(application.name, environment) for application in delivery.settings.applications}
    return {name: made for name, made in begin.items() if made != f"{name}-{environment}"}


def most(delivery: Delivery) -> int:
    """Return how many runs there may be at once: twice what the pruner leaves, and some more for where it leaves few."""
    return 2 * delivery.environment.keep_runs * len(delivery.settings.applications) + 100
