"""CronJobs: what the clock starts."""

from collections.abc import Iterator

from offline.reachability.objects import Objects, place
from offline.reachability.pods import OURS, Pod, pod


def scheduled(objects: Objects) -> Iterator[tuple[str, Pod]]:
    """Yield the name of each schedule and the pod that it starts."""
    for job in objects.all("CronJob"):
        template = job["spec"]["jobTemplate"]["spec"]["template"]
        yield f"schedule {place(job)}", pod(job, template, OURS, objects)
