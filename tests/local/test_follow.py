"""What the demo prints of a run: text that others wrote, and nothing that a terminal obeys."""

import contextlib
import http.server
import threading
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from kubernetes import client

from components.masks import fingerprints
from local.errors import UserError
from local.follow import follow
from local.kubernetes_api import Kubernetes as Api
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


SECRET = "s3cr3t-of-the-registry"
ENDED = {"startedAt": "2026-11-22T12:00:00Z", "finishedAt": "2026-11-22T12:00:01Z"}


class Failed(Kubernetes):
    """A run whose tests failed; what followed was skipped, and a step of another pod failed too, which is gone."""

    def __init__(self, log: str, masks: str | Exception | None = None) -> None:
        self.text, self.masks = log, masks
        self.asked: list[tuple[str, str, str]] = []

    def task_runs(self, namespace: str, name: str) -> list[Any]:
        test = {"name": "test", "container": "step-test", "terminated": ENDED | {"exitCode": 1}}
        skipped = {
            "name": "image",
            "container": "step-image",
            "terminated": ENDED | {"exitCode": 1},
            "terminationReason": "Skipped",
        }
        fetch = {"name": "fetch", "container": "step-fetch", "terminated": ENDED | {"exitCode": 0}}
        report = {"name": "report", "container": "step-report", "terminated": ENDED | {"exitCode": 2}}
        return [
            {
                "metadata": {"labels": {"tekton.dev/pipelineTask": task}},
                "status": {"podName": f"{task}-pod", "steps": steps},
            }
            for task, steps in (("build", [fetch, test, skipped]), ("report", [report]))
        ]

    def log(self, namespace: str, pod: str, container: str, lines: int) -> bytes | None:
        self.asked.append((namespace, pod, container))
        return None if pod == "report-pod" else self.text.encode()

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        if self.masks is None:
            raise client.ApiException(status=404)
        if isinstance(self.masks, Exception):
            raise self.masks
        assert (namespace, name) == ("staging-ci", "log-masks")
        return {"masks": self.masks}


def failed(kubernetes: Any) -> tuple[list[str], list[str]]:
    """The lines that are printed of a failed run, and those of its message."""
    told: list[str] = []
    succeeded, message = follow(kubernetes, run(), told.append)
    assert not succeeded
    return told, message.splitlines()


def test_a_failed_run_tells_why() -> None:
    kubernetes = Failed("one\nnot ok 2 - the message is finished\n")
    told, message = failed(kubernetes)
    why = [
        "build / test printed last:",
        "  | one",
        "  | not ok 2 - the message is finished",
        "report / report printed nothing, or its log cannot be read",
    ]
    assert message == [PLAIN, *why]
    assert told == [
        "    build / fetch: done (1 s)",
        "    build / test: failed, exit code 1",
        "    report / report: failed, exit code 2",
        *(f"    {line}" for line in why),
    ]
    assert ("staging-ci", "build-pod", "step-image") not in kubernetes.asked, "it was skipped"


def test_what_a_step_printed_is_bounded_text() -> None:
    _, message = failed(Failed("".join(f"{number} {'x' * 400}\n" for number in range(100)) + BAD.replace("\n", "") + "\n"))
    shown = [line for line in message if line.startswith("  | ")]
    assert len(shown) == 20
    assert shown[0].startswith("  | 81 x")
    assert max(map(len, shown)) <= 304
    assert "h[/red]" in shown[-1]
    assert all(character.isprintable() for line in shown for character in line)


def test_what_a_stack_masks_is_masked() -> None:
    masks = fingerprints([SECRET], "salt")
    _, open_text = failed(Failed(f"token {SECRET}\n"))
    _, message = failed(Failed(f"token {SECRET}\n", masks))
    assert SECRET in "".join(open_text), "the control"
    assert "  | token (masked)" in message


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (client.ApiException(status=403), "you may not get it (docs/operating.md#rights)"),
        (client.ApiException(status=503, reason="Service Unavailable"), "503 Service Unavailable"),
        (urllib3.exceptions.ProtocolError("aborted", OSError("reset")), "the cluster does not answer: reset"),
        ("", "it tells none, since these are too many"),
    ],
    ids=["forbidden", "503", "reset", "none"],
)
def test_where_it_cannot_be_told_what_it_masks_a_log_is_not_shown(answer: Any, why: str) -> None:
    told, message = failed(Failed(f"token {SECRET}\n", answer))
    assert SECRET not in "".join([*told, *message])
    (line,) = [line for line in message if line.startswith("  | ")]
    assert (
        f"it is not shown, since secrets could not be hidden in it, for want of the Secret log-masks of staging-ci: {why};"
        in line
    )


class Kubelet(http.server.BaseHTTPRequestHandler):
    """Has the log of one pod, which is no text; of another one it promises a log, and sends none for a while."""

    asked: list[str]
    ended: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "/pods/stalled/log" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.ended.wait(10)
            with contextlib.suppress(OSError):  # nobody waits for it any more
                self.wfile.write(b"too late.\n")
            return
        found = "/pods/there/log" in self.path
        body = b"caf\xe9\n" if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_log_is_asked_for_with_a_bound_and_one_that_is_gone_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.kubernetes_api._LOG_SECONDS", 0.5)
    Kubelet.asked, Kubelet.ended = [], threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubelet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "current-context": "a",
                    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                    "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                    "users": [{"name": "a", "user": {"token": "a"}}],
                }
            )
        )
        api = Api(kubeconfig)
        assert api.log("staging-ci", "there", "step-test", 40) == b"caf\xe9\n"
        assert api.log("staging-ci", "gone", "step-test", 40) is None
        assert api.log("staging-ci", "stalled", "step-test", 40) is None
        Kubelet.ended.set()
        server.shutdown()
    assert "container=step-test" in Kubelet.asked[0]
    assert "limitBytes=65536" in Kubelet.asked[0]
    assert "tailLines=40" in Kubelet.asked[0]
