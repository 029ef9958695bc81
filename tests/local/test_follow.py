"""What the demo prints of a run: text that others wrote, and nothing that a terminal obeys."""

from typing import Any

import pytest

from local.follow import follow
from local.kubernetes_api import condition

# ESC, C1's CSI, a right-to-left override, an isolate, a line separator, and what rich takes for markup.
BAD = "a\x1b]0;x\x07b\x9b31mc\u202ed\u2066e\u2028f\ng[red]h[/red][link=x]i[/link]"
PLAIN = "a ]0;x b 31mc d e f g[red]h[/red][link=x]i[/link]"


def run(status: str = "Unknown") -> dict[str, Any]:
    return {
        "metadata": {"name": "run-1", "namespace": "staging-ci", "creationTimestamp": "2026-11-22"},
        "status": {"conditions": [{"type": "Succeeded", "status": status, "message": BAD}]},
    }


class Kubernetes:
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


def test_what_others_wrote_is_shown_as_text(kubernetes: Any) -> None:
    told: list[str] = []
    assert follow(kubernetes, run(), told.append) == (False, PLAIN)
    assert told == [f"    build / {PLAIN}: done (1 s)"]
    assert condition(run()) == ("Unknown", PLAIN)
