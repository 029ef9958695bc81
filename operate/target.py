"""An application in an environment, as a person names it."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from kubernetes import client

from components.conventions import CONTAINER, FOLLOWS, WORKLOADS, Manifest, key, plain, prefix
from operate.cluster import APPLICATION_LABEL, Cluster
from operate.errors import OperateError
from operate.records import Hold
from steps.workloads import Workload, workloads


@dataclass(frozen=True)
class Target:
    """What a command is about, and through which cluster."""

    cluster: Cluster
    environment: str
    application: str
    leads: Workload
    """What all is noted on."""
    others: tuple[Workload, ...] = ()
    """What else runs its image."""

    @property
    def name(self) -> str:
        """The leading workload's, and its Lease's."""
        return self.leads.name

    def deployment(self) -> Manifest:
        """Return the workload that leads as it is now."""
        return self.cluster.workload(self.leads)

    def followers(self) -> list[tuple[Workload, Manifest]]:
        """Return the further ones as they are now."""
        return [(each, self.cluster.workload(each)) for each in self.others]

    @property
    def prefix(self) -> str:
        """What the names of its runs and Pipelines begin with."""
        return prefix(self.application, self.environment)

    def __str__(self) -> str:
        return f"{self.environment} {self.application}"


def applications(cluster: Cluster, environment: str) -> list[Target]:
    """Return the applications of an environment. Raises OperateError if there is no such environment."""
    return among(cluster, environment, cluster.deployments(environment))


def among(cluster: Cluster, environment: str, deployments: Iterable[Manifest]) -> list[Target]:
    """Return the applications of these Deployments of an environment, and of workloads that are somebody else's.

    Raises OperateError if there are none.
    """
    namespace = cluster.workload_namespace(environment)
    there = [(item["metadata"]["labels"], item["metadata"]["name"]) for item in deployments]
    found = []
    for labels, name in there:
        if FOLLOWS not in labels:
            application = labels[APPLICATION_LABEL]
            follow = [other for of, other in there if of.get(FOLLOWS) == application]
            leads, *others = workloads(namespace, (name, *follow), CONTAINER)
            found.append(Target(cluster, environment, application, leads, tuple(others)))
    for lease in cluster.existing(environment):
        lines = lease["metadata"]["annotations"][WORKLOADS].splitlines()
        leads, *others = workloads(namespace, lines, CONTAINER)
        found.append(Target(cluster, environment, lease["metadata"]["labels"][APPLICATION_LABEL], leads, tuple(others)))
    if not found:
        known: list[str] = []
        with contextlib.suppress(client.ApiException):  # who may not look around is not told what there is
            known = cluster.environments()
        others_there = f"; there are {', '.join(known)}" if known else ""
        raise OperateError(f"there is no environment {environment!r} with applications{others_there}")
    return found


def target(cluster: Cluster, environment: str, application: str) -> Target:
    """Return an application in an environment. Raises OperateError with what there is."""
    known = applications(cluster, environment)
    for found in known:
        if found.application == application:
            return found
    names = ", ".join(found.application for found in known)
    raise OperateError(f"{environment} has no application {application!r}; it has {names}")


def frozen(cluster: Cluster, environment: str) -> tuple[str | None, Hold | None]:
    """Return why an environment is frozen: by its settings, and by somebody."""
    switch = cluster.freeze(environment)
    text = (switch.get("data") or {}).get("frozen")
    settings = (switch["metadata"].get("annotations") or {}).get(key("frozen"))
    return plain(settings) if settings else None, Hold.model_validate(json.loads(text)) if text else None
