"""An application in an environment, as a person names it."""

import contextlib
import json
from dataclasses import dataclass

from kubernetes import client

from components.conventions import FOLLOWS, Manifest, key, plain
from operate.cluster import APPLICATION_LABEL, Cluster
from operate.errors import OperateError
from operate.records import Hold


@dataclass(frozen=True)
class Target:
    """What a command is about, and through which cluster."""

    cluster: Cluster
    environment: str
    application: str
    name: str
    """The Deployment's, and its Lease's."""

    def deployment(self) -> Manifest:
        """Return its Deployment as it is now."""
        return self.cluster.deployment(self.environment, self.name)

    def followers(self) -> list[Manifest]:
        """Return the further Deployments that run its image."""
        return [
            item
            for item in self.cluster.deployments(self.environment)
            if item["metadata"]["labels"].get(FOLLOWS) == self.application
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.application}"


def applications(cluster: Cluster, environment: str) -> list[Target]:
    """Return the applications of an environment. Raises OperateError if there is no such environment."""
    found = [
        Target(cluster, environment, item["metadata"]["labels"][APPLICATION_LABEL], item["metadata"]["name"])
        for item in cluster.deployments(environment)
        if FOLLOWS not in item["metadata"]["labels"]
    ]
    if not found:
        known: list[str] = []
        with contextlib.suppress(client.ApiException):  # who may not look around is not told what there is
            known = cluster.environments()
        there = f"; there are {', '.join(known)}" if known else ""
        raise OperateError(f"there is no environment {environment!r} with applications{there}")
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
