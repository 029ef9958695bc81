"""What runs where: one line for each application and environment, and the runs in flight."""

from typing import Any

from rich.console import Console
from rich.table import Table

from local.kubernetes_api import Kubernetes, condition

OURS = "app.kubernetes.io/part-of=tekton-delivery,app.kubernetes.io/name"
PREFIX = "tekton-delivery/"


def show(kubernetes: Kubernetes, console: Console | None = None) -> None:
    """Print what every environment of the cluster serves and which runs are going on."""
    out = console or Console()
    served = Table(title="Environments", title_justify="left")
    for column in ("environment", "application", "ready", "commit", "digest", "since", "pull request"):
        served.add_column(column)
    namespaces = set()
    for deployment in kubernetes.deployments(OURS):
        namespaces.add(deployment.metadata.namespace)
        served.add_row(*_row(deployment))
    out.print(served)

    running = Table(title="Runs in flight", title_justify="left")
    for column in ("environment", "run", "since", "state"):
        running.add_column(column)
    for namespace in sorted(namespaces):
        for run in kubernetes.runs(f"{namespace}-ci"):
            status, message = condition(run)
            if status == "Unknown":
                running.add_row(namespace, run["metadata"]["name"], run["metadata"]["creationTimestamp"], message)
    out.print(running if running.row_count else "No runs in flight.")


def _row(deployment: Any) -> tuple[str, ...]:
    metadata = deployment.metadata
    notes: dict[str, str] = metadata.annotations or {}
    ready = f"{deployment.status.ready_replicas or 0}/{deployment.spec.replicas}"
    commit = notes.get(f"{PREFIX}commit", "")
    return (
        metadata.labels[f"{PREFIX}environment"],
        metadata.labels["app.kubernetes.io/name"],
        ready,
        commit[:12] or "nothing delivered yet",
        notes.get(f"{PREFIX}digest", "")[:19],
        notes.get(f"{PREFIX}delivered-at", ""),
        f"#{notes[f'{PREFIX}pull-request']}" if f"{PREFIX}pull-request" in notes else "",
    )
