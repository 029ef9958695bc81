"""From settings to the runs of one environment: what starts which, what it holds, and how long it may take."""

import pulumi

from components.conventions import go_duration, seconds
from components.listener.events import Trigger
from components.pipelines import fork, moved, promotion, pull_request, rebuild
from components.plan.delivery import Delivery

# What Tekton gives a run that says nothing.
_SHORTEST = 3600


def triggers(delivery: Delivery, namespace: pulumi.Input[str]) -> list[Trigger]:
    """Return what brings events to an environment; `namespace` is its delivery namespace."""
    settings, environment, builds = delivery.settings, delivery.environment, delivery.builds
    git_credential = delivery.git.credential.name if delivery.git.credential else None
    if not builds:
        runs = {"merge": promotion.run(git_credential, approved=environment.approval is not None)}
    else:
        timeout = go_duration(builds.timeout)
        runs = {
            "pull-request": pull_request.run(timeout, git_credential),
            "rejected": pull_request.rejected_run(restores=delivery.restores, cleans=delivery.cleans),
            "base-moved": moved.run(git_credential),
        }
        if environment.stale_base == "rebuild":
            runs["rebuild"] = rebuild.run(git_credential)
        if settings.forge.ok_to_test:
            runs["ok-to-test"] = fork.run(timeout, git_credential)
    longest = _longest(delivery)
    return [
        Trigger(environment=environment.name, event=event, namespace=namespace, run=run, seconds=longest)
        for event, run in runs.items()
    ]


def _longest(delivery: Delivery) -> int:
    """Return the longest that a run takes: what it waits for, a rollout and the way back after another one's, and slack."""
    environment = delivery.environment
    waits = delivery.builds.timeout if delivery.builds else delivery.settings.mark.timeout
    people = seconds(environment.approval.timeout) if environment.approval else 0
    return max(_SHORTEST, seconds(waits) + people + 4 * seconds(environment.rollout_timeout) + 600)


def most(delivery: Delivery) -> int:
    """Return how many runs there may be at once: twice what the pruner leaves, and some more for where it leaves few."""
    return 2 * delivery.environment.keep_runs * len(delivery.settings.applications) + 100
