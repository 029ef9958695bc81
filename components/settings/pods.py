"""How many pods what is declared may need at once, and the quotas of an environment's namespaces."""

from collections.abc import Sequence

from components.conventions import seconds
from components.settings.application import Application, Container
from components.settings.environment import Environment
from components.settings.workloads import Part, parts

# Seconds after which a pod that was told to end is still there while the next ones start.
LINGERS = 10
# Of each namespace, unless more is needed.
FEWEST = 20
# Of an application at once, before further runs wait: runs, and pods of each (what builds, and what watches it).
RUNS, PODS_OF_A_RUN = 2, 2
# What every delivery namespace may have beside runs: the listener and the hourly job.
_BESIDE = 2
# A minter, and the one that takes its place.
_MINTERS = 2


def needed(environment: Environment, applications: Sequence[Application]) -> int:
    """Return how many pods the applications may have at once.

    A rollout has one pod more than it began with, unless there are none, and stops at the quota. What was told to end counts
    until it has: of one that may take its time, all that ran before may still be there. A Job before rollouts has one.
    """
    together = sum(1 for application in applications if application.before_rollout)
    for part in all_parts(applications):
        here = part.here(environment)
        most = here.autoscaling.max if here.autoscaling else part.pods(environment)
        together += most + (most if lingers(part.container) else 1) if most else 0
    return together


def all_parts(applications: Sequence[Application]) -> list[Part]:
    """Return what runs the applications' images."""
    return [part for application in applications for part in parts(application)]


def lingers(container: Container) -> bool:
    """Return whether pods that were told to end may still be there while the next ones run."""
    return seconds(container.termination_grace_period) > LINGERS


def of_workloads(environment: Environment, applications: Sequence[Application]) -> int:
    """Return the quota of the workload namespace."""
    return environment.max_pods or max(FEWEST, needed(environment, applications))


def of_deliveries(environment: Environment, applications: Sequence[Application], *, mints: bool = False) -> int:
    """Return the quota of the delivery namespace; `mints` where tokens are made there."""
    beside = _BESIDE + (_MINTERS if mints else 0)
    return environment.max_pods or max(FEWEST, beside + RUNS * PODS_OF_A_RUN * len(applications))
