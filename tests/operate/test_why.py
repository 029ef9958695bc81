"""The way of one change: its runs, their steps with seconds, and why it stands where it does."""

import json
from typing import Any

import pytest
from kubernetes import client

from components.conventions import Manifest
from components.masks import fingerprints
from operate import __main__ as command
from operate import why
from operate.masking import Masking
from tests.operate.cluster import Memory, run, served, task_run

MASKING = Masking(print)
STAGED = "serves on staging: sha256:1"

# What Tekton says of a step after one that failed.
SKIPPED: Manifest = {"name": "image", "terminationReason": "Skipped", "terminated": {"exitCode": 1}}


class Staging(Memory):
    """Staging, where pull request 7 failed, and 8 is on its way."""

    def __init__(self) -> None:
        super().__init__("staging", served("a", 6))
        self.declared = {"image": "", "vouched-by": "staging"}
        self.pipeline_runs = [
            ended(run(7, "12:00:00"), "False"),
            run(8, "12:01:00", ended=False),
            ended(run(9, "12:02:00"), "True"),
        ]
        failed, going, staged = self.pipeline_runs
        self.task_runs = [
            stepped(
                task_run(failed, "", "untrusted"), "build", step("fetch", 2), step("test", 5, 1), SKIPPED, status="False"
            ),
            stepped(task_run(going, "", "untrusted"), "build", step("fetch", 1), {"name": "test", "running": {}}),
            stepped(task_run(staged, STAGED), "stage", step("stage", 3)),
        ]

    def run_states(self, environment: str) -> list[Manifest]:
        return []


def ended(of: Manifest, status: str) -> Manifest:
    times = {"startTime": "2026-11-22T12:00:00Z", "completionTime": "2026-11-22T12:00:21Z"}
    of["status"] = {"conditions": [{"type": "Succeeded", "status": status}]} | times
    return of


def step(name: str, seconds: int, code: int = 0) -> Manifest:
    times = {"startedAt": "2026-11-22T12:00:00Z", "finishedAt": f"2026-11-22T12:00:{seconds:02}Z"}
    return {"name": name, "terminated": times | {"exitCode": code}}


def stepped(of: Manifest, task: str, *steps: Manifest, status: str = "True") -> Manifest:
    of["metadata"]["labels"]["tekton.dev/pipelineTask"] = task
    of["status"] |= {"steps": list(steps), "conditions": [{"type": "Succeeded", "status": status}]}
    of["status"]["results"] = [result for result in of["status"]["results"] if result["value"]]
    return of


@pytest.fixture
def cluster() -> Staging:
    return Staging()


def test_a_failed_step_is_told_with_its_seconds(cluster: Staging) -> None:
    first, fetch, test, reason, now = why.lines(cluster.target, 7, MASKING)
    assert first.startswith("staging  pull-request  failure, 21 s  2026-11-22T12:00:00Z  shop-staging-7-")
    assert fetch.split() == ["build", "/", "fetch", "2", "s"]
    assert test.split() == ["build", "/", "test", "5", "s", "failed", "(exit", "code", "1)"]
    assert reason.endswith("step test failed (exit code 1)")
    assert now == "now: staging shop; not what was delivered"


SECRET = "npm_0123456789abcdef"


class Printing(Staging):
    """Where the pod of what failed is still there."""

    def __init__(self, log: str | int) -> None:
        super().__init__()
        self.printed = log
        failed = self.task_runs[0]["status"]
        failed["podName"] = "pod"
        failed["steps"][1]["container"] = "step-test"

    def log(self, environment: str, pod: str, container: str, lines: int | None = None) -> str:
        assert (environment, pod, container, lines) == ("staging", "pod", "step-test", 11)
        if isinstance(self.printed, int):
            raise client.ApiException(status=self.printed)
        return self.printed


def test_the_last_lines_of_a_failed_step_are_shown() -> None:
    told = list(why.lines(Printing("running\n\x1b[31mKeyError: 'price'\x1b[0m\n").target, 7, MASKING))
    assert told[3].endswith("step test failed (exit code 1)")
    assert told[4:6] == ["    | running", "    | KeyError: 'price'"]


def test_what_they_hold_of_a_secret_is_hidden() -> None:
    cluster = Printing("".join(f"x{number}{SECRET}x\n" for number in range(11)) + f"cannot log in with {SECRET}\n")
    cluster.secrets["staging-ci", "log-masks"] = fingerprints([SECRET], "key")
    told = list(why.lines(cluster.target, 7, Masking(print)))
    assert told[-2] == "    | cannot log in with (masked)"
    assert SECRET not in "".join(told)


def test_the_rest_of_a_line_may_be_that_of_a_secret_and_is_left_out() -> None:
    told = list(why.lines(Printing(f"{SECRET[4:]}\n" + "next\n" * 10).target, 7, Masking(print)))
    assert SECRET[4:] not in "".join(told)
    assert told[-2] == "    | next"


@pytest.mark.parametrize("status", [403, 404])
def test_a_log_that_is_gone_or_not_for_everybody_is_left_out(status: int) -> None:
    assert list(why.lines(Printing(status).target, 7, MASKING))[3:] == list(why.lines(Staging().target, 7, MASKING))[3:]


def test_one_that_cannot_be_read_now_is_told() -> None:
    told = list(why.lines(Printing(503).target, 7, MASKING))
    assert told[4] == "    | its log cannot be read: 503 None"


def test_one_that_goes_on_says_so(cluster: Staging) -> None:
    first, _, test, _ = why.lines(cluster.target, 8, MASKING)
    assert "goes on" in first
    assert test.split() == ["build", "/", "test", "has", "not", "ended"]


def test_what_the_run_says_of_its_end_is_the_reason(cluster: Staging) -> None:
    told = list(why.lines(cluster.target, 9, MASKING))
    assert "success" in told[0]
    assert told[2] == f"  {STAGED}"


def test_what_was_pruned_or_never_started_is_told(cluster: Staging) -> None:
    assert next(why.lines(cluster.target, 5, MASKING)).startswith("no run of #5 is there")


def test_the_environments_before_it_come_first(cluster: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "_before", lambda found: [found])
    assert [way.environment for way in why.ways(cluster.target, 9, MASKING)] == ["staging", "staging"]


def test_the_one_that_builds_has_none_before_it(cluster: Staging) -> None:
    assert why.ways(cluster.target, 9, MASKING)[0].run.startswith("shop-staging-9-")
    assert len(why.ways(cluster.target, 9, MASKING)) == 1


def test_texts_of_others_are_shown_as_text(cluster: Staging) -> None:
    cluster.task_runs[2]["status"]["results"] = [{"name": "reason", "value": "a\x1b[31mb"}]
    assert "  a [31mb" in list(why.lines(cluster.target, 9, MASKING))


def test_the_command_tells_it_as_data(cluster: Staging, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: cluster)
    assert command.main(["why", "staging", "shop", "#7", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert (found["state"], found["seconds"]) == ("failure", 21.0)
    assert [each["seconds"] for each in found["steps"]] == [2.0, 5.0]
