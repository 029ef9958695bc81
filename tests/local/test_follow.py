"""What the demo prints of a run: text that others wrote, and nothing that a terminal obeys."""

from typing import Any

import pytest

from local.errors import UserError
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


class Going(Kubernetes):
    """A run that ends at its sixth look; with each a step more has ended."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, namespace: str, name: str) -> Any:
        self.asked.append("run")
        return run("True" if self.asked.count("run") == 6 else "Unknown")

    def task_runs(self, namespace: str, name: str) -> list[Any]:
        self.asked.append("steps")
        (task_run,) = super().task_runs(namespace, name)
        (step,) = task_run["status"]["steps"]
        task_run["status"]["steps"] = [step | {"name": f"step-{number}"} for number in range(self.asked.count("run"))]
        return [task_run]


def test_every_step_is_told_though_not_every_look_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.follow._POLL_SECONDS", 0)
    going, told = Going(), []
    assert follow(going, run(), told.append)[0]  # type: ignore[arg-type]
    assert going.asked == ["run", "steps", "run", "run", "run", "run", "steps", "run", "steps"]
    assert told == [f"    build / step-{number}: done (1 s)" for number in range(6)]


def test_a_run_that_goes_on_for_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.follow._POLL_SECONDS", 0)
    with pytest.raises(UserError, match="did not end within 0 s"):
        follow(Going(), run(), str, seconds=0)  # type: ignore[arg-type]
