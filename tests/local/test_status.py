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


DIGEST = "sha256:" + "a" * 64


class Kubernetes:
    def __init__(self, image: str = f"registry.example/shop@{DIGEST}") -> None:
        self.image = image
        self.counted: tuple[str, str] | None = ("7", "200")

    def deployments(self, selector: str) -> list[Any]:
        notes = {"delivered-at": BAD, "pull-request": BAD, "digest": DIGEST, "commit": "0123456789abcdef"}
        labels = {"tekton-delivery/environment": "staging", "app.kubernetes.io/name": "shop"}
        annotations = {f"tekton-delivery/{name}": text for name, text in notes.items()}
        metadata = SimpleNamespace(namespace="staging", annotations=annotations, labels=labels)
        pod = SimpleNamespace(spec=SimpleNamespace(containers=[SimpleNamespace(name="app", image=self.image)]))
        spec = SimpleNamespace(replicas=1, template=pod)
        return [SimpleNamespace(metadata=metadata, status=SimpleNamespace(ready_replicas=1), spec=spec)]

    def runs(self, namespace: str) -> list[Any]:
        return [run()]

    def runs_quota(self, namespace: str) -> Any:
        counts = [{"count/pipelineruns.tekton.dev": count} for count in self.counted] if self.counted else [None, None]
        return SimpleNamespace(status=SimpleNamespace(used=counts[0], hard=counts[1]))

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


def test_the_status_tells_of_what_runs_and_not_of_what_is_noted_about_another_image() -> None:
    out = io.StringIO()
    show(Kubernetes(f"registry.example/shop@sha256:{'b' * 64}"), Console(file=out, width=400, color_system=None))  # type: ignore[arg-type]
    told = out.getvalue().partition("Runs in flight")[0]
    assert "not what was delivered" in told
    assert f"sha256:{'b' * 12}" in told
    assert [words for words in ("0123456789ab", DIGEST[:19], PLAIN) if words in told] == []


@pytest.mark.parametrize(
    ("counted", "says"),
    [
        (("7", "200"), "staging: 7 of 200 runs\n"),
        (("200", "200"), "staging: 200 of 200 runs; NO ROOM: webhooks start nothing"),
        (None, "staging: runs are not counted yet"),
    ],
)
def test_the_status_tells_how_many_runs_there_may_be(kubernetes: Any, counted: tuple[str, str] | None, says: str) -> None:
    out = io.StringIO()
    kubernetes.counted = counted
    show(kubernetes, Console(file=out, width=400, color_system=None))
    assert says in out.getvalue()


def test_so_does_whoever_follows_a_run(kubernetes: Any) -> None:
    told: list[str] = []
    assert follow(kubernetes, run(), told.append) == (False, PLAIN)
    assert told == [f"    build / {PLAIN}: done (1 s)"]
    assert condition(run()) == ("Unknown", PLAIN)
