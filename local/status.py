"""What runs where: one line for each application and environment, and the runs in flight."""

import json
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.conventions import CONTAINER, HOLD, delivery_namespace, plain
from local.kubernetes_api import Kubernetes, condition
from operate.cluster import counted

OURS = "app.kubernetes.io/part-of=tekton-delivery,app.kubernetes.io/name"
PREFIX = "tekton-delivery/"
# What a table needs so that no digest and no commit is cut off; a narrower terminal wraps its lines.
WIDTH = 120


def show(kubernetes: Kubernetes, console: Console | None = None) -> None:
    """Print what every environment of the cluster serves and which runs are going on."""
    out = console or Console(width=max(Console().width, WIDTH))
    served = _table(
        "Environments", "environment", "application", "ready", "commit", "digest", "since", "pull request", "held"
    )
    namespaces = set()
    for deployment in kubernetes.deployments(OURS):
        namespaces.add(deployment.metadata.namespace)
        served.add_row(*_row(deployment))
    out.print(served)

    running = _table("Runs in flight", "environment", "run", "since", "state")
    for namespace in sorted(namespaces):
        for run in kubernetes.runs(f"{namespace}-ci"):
            status, message = condition(run)
            if status == "Unknown":
                metadata = run["metadata"]
                cells = (namespace, metadata["name"], metadata["creationTimestamp"], message)
                running.add_row(*(Text(plain(cell)) for cell in cells))
    out.print(running if running.row_count else "No runs in flight.")
    for namespace in sorted(namespaces):
        out.print(_room(namespace, counted(kubernetes.runs_quota(delivery_namespace(namespace)))))


def _room(environment: str, quota: tuple[int, int] | None) -> Text:
    """Return how many more runs there may be: beyond that a webhook starts nothing, and only the listener's log says so."""
    if quota is None:
        return Text(f"{environment}: runs are not counted yet; until then none starts")
    there, allowed = quota
    full = "; NO ROOM: webhooks start nothing, see docs/operating.md" if there >= allowed else ""
    return Text(f"{environment}: {there} of {allowed} runs{full}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for column in columns:
        table.add_column(column, no_wrap=column != "state")
    return table


def _row(deployment: Any) -> tuple[Text, ...]:
    metadata = deployment.metadata
    notes: dict[str, str] = metadata.annotations or {}
    ready = f"{deployment.status.ready_replicas or 0}/{deployment.spec.replicas}"
    commit = notes.get(f"{PREFIX}commit", "")[:12] or "nothing delivered yet"
    since = notes.get(f"{PREFIX}delivered-at", "")
    pull_request = f"#{notes[f'{PREFIX}pull-request']}" if f"{PREFIX}pull-request" in notes else ""
    (image,) = (container.image for container in deployment.spec.template.spec.containers if container.name == CONTAINER)
    digest = image.partition("@")[2] if f"{PREFIX}digest" in notes else ""
    if digest != notes.get(f"{PREFIX}digest", ""):
        # It is being rolled out, or came by another way: what is noted is about another image.
        commit, since, pull_request = "not what was delivered", "", ""
    held = notes.get(HOLD)
    # Others wrote them; rich takes some of it for markup unless it is told that it is text.
    cells = (
        metadata.labels[f"{PREFIX}environment"],
        metadata.labels["app.kubernetes.io/name"],
        ready,
        commit,
        digest[:19],
        since,
        pull_request,
        f"by {json.loads(held)['by']}" if held else "",
    )
    return tuple(Text(plain(cell)) for cell in cells)
