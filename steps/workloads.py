"""What runs an application's image, as a param names it: one a line, the one that leads first.

A name alone is a Deployment of this program's. Of what somebody else has made, kind and containers are named as well, as in
`statefulsets/shop-mail app,cron`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from steps.inputs import StepError

Object = dict[str, Any]

DEPLOYMENTS, STATEFUL_SETS = "deployments", "statefulsets"
KINDS = {DEPLOYMENTS: "Deployment", STATEFUL_SETS: "StatefulSet"}


class UnfitError(StepError):
    """Why nothing can be rolled out to it."""


@dataclass(frozen=True)
class Workload:
    """A Deployment or a StatefulSet, and those of its containers that run the image."""

    namespace: str
    kind: str
    name: str
    containers: tuple[str, ...]
    existing: bool
    """Whether it is somebody else's, which ran something before the first delivery."""

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"/apis/apps/v1/namespaces/{quote(self.namespace, safe='')}/{self.kind}/{quote(self.name, safe='')}"

    def __str__(self) -> str:
        return f"the {KINDS[self.kind]} {self.name}"

    def image(self, live: Object) -> str:
        """Return what it is to run. Raises UnfitError with what is missing."""
        there = {item["name"]: str(item["image"]) for item in live["spec"]["template"]["spec"]["containers"]}
        for name in self.containers:
            if name not in there:
                raise UnfitError(f"{self} has no container {name}")
        images = {there[name] for name in self.containers}
        if len(images) > 1:
            raise UnfitError(f"{self} has several images in {', '.join(self.containers)}: {', '.join(sorted(images))}")
        return images.pop()

    def with_image(self, image: str) -> Object:
        """Return the change that has it run an image."""
        containers = [{"name": name, "image": image} for name in self.containers]
        return {"spec": {"template": {"spec": {"containers": containers}}}}

    def check(self, live: Object) -> None:
        """See that a changed image reaches its pods. Raises UnfitError."""
        self.image(live)
        strategy = (live["spec"].get("updateStrategy") or {}).get("type")
        if self.kind == STATEFUL_SETS and strategy == "OnDelete":
            raise UnfitError(f"{self} has the updateStrategy OnDelete, by which no pod gets what is rolled out")


def workloads(namespace: str, lines: Sequence[str], container: str) -> tuple[Workload, ...]:
    """Return what a param names."""
    made = []
    for line in lines:
        which, _, containers = line.partition(" ")
        kind, _, name = which.rpartition("/")
        named = tuple((containers or container).split(","))
        made.append(Workload(namespace, kind or DEPLOYMENTS, name, named, existing=bool(containers)))
    return tuple(made)
