"""What `make status` and the demo print of a cluster: text that others wrote, and nothing that a terminal obeys."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from local.follow import follow
from local.kubernetes_api import condition
from local.status import show

# ESC, C1's CSI, a right-to-left override, an isolate, a line separator, and what rich takes for markup.
BAD = "a\x1b]0;x\x07b\x9b31mc\u202ed\u2066e\u2028f\ng[red]h[/red][link=x]i[/link]"
PLAIN = "a ]0;x b 31mc d e f g[red]h[/red][link=x]i[/link]"


def run(status: str = "Unknown") -> dict[str, Any]:
    return {
        "metadata": {"name": "run-1", "namespace": "staging-ci", "creationTimestamp": "2026-11-22"},
        "status": {"conditions": [{"type": "Succeeded", "status": status, "message": BAD}]},
    }


class Kubernetes:
    def deployments(self, selector: str) -> list[Any]:
        notes = {"tekton-delivery/delivered-at": BAD, "tekton-delivery/pull-request": BAD}
        labels = {"tekton-delivery/environment": "staging", "app.kubernetes.io/name": "shop"}
        metadata = SimpleNamespace(namespace="staging", annotations=notes, labels=labels)
        return [
            SimpleNamespace(metadata=metadata, status=SimpleNamespace(ready_replicas=1), spec=SimpleNamespace(replicas=1))
        ]

    def runs(self, namespace: str) -> list[Any]:
        return [run()]

    def run(self, namespace: str, name: str) -> Any:
        return run("False")

    def task_runs(self, namespace: str, name: str) -> list[Any]:
        ended = {"startedAt": "2026-11-22T12:00:00Z", "finishedAt": "2026-11-22T12:00:01Z", "exitCode": 0}
        return [
            {
                "metadata": {"labels": {"tekton.dev/pipelineTask": "build"}},
                "status": {"steps": [{"name": BAD, "terminated": ended}]},
            }
        ]


@pytest.fixture
def kubernetes() -> Any:
    return Kubernetes()


def test_the_status_shows_what_others_wrote_as_text(kubernetes: Any) -> None:
    out = io.StringIO()
    show(kubernetes, Console(file=out, width=400, color_system=None))
    assert out.getvalue().count(PLAIN) == 3
    assert f"#{PLAIN}" in out.getvalue()
    assert not [letter for letter in out.getvalue() if letter != "\n" and not letter.isprintable()]


def test_so_does_whoever_follows_a_run(kubernetes: Any) -> None:
    told: list[str] = []
    assert follow(kubernetes, run(), told.append) == (False, PLAIN)
    assert told == [f"    build / {PLAIN}: done (1 s)"]
    assert condition(run()) == ("Unknown", PLAIN)
