"""What no event starts: CronJobs, by the clock, and what always runs beside runs."""

from collections.abc import Iterator

from offline.reachability.objects import Objects, place
from offline.reachability.pods import OURS, Pod, pod


def scheduled(objects: Objects) -> Iterator[tuple[str, Pod]]:
    """Yield the name of each schedule, or of what always runs, and its pod."""
    for job in objects.all("CronJob"):
        template = job["spec"]["jobTemplate"]["spec"]["template"]
        yield f"schedule {place(job)}", pod(job, template, OURS, objects)
    # Applications' are in other namespaces: what they run was delivered.
    ours = {task["metadata"]["namespace"] for task in objects.all("Task")}
    for deployment in objects.all("Deployment"):
        if deployment["metadata"]["namespace"] in ours:
            yield f"always {place(deployment)}", pod(deployment, deployment["spec"]["template"], OURS, objects)
