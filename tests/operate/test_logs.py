"""What the steps of a run printed: those that failed, those that are named, and what is told where there are none."""

from typing import Any

import pytest
from kubernetes import client

from operate import __main__ as command
from operate import logs
from operate.errors import OperateError
from tests.operate.test_why import Staging


class Printing(Staging):
    """Staging, whose pods are there but for one."""

    def __init__(self) -> None:
        super().__init__()
        for number, task in enumerate(self.task_runs):
            task["status"]["podName"] = f"pod-{number}"
            for step in task["status"]["steps"]:
                step["container"] = f"step-{step['name']}"

    def log(self, environment: str, pod: str, container: str, lines: int | None = None) -> str:
        if pod == "pod-2":
            raise client.ApiException(status=404, reason="Not Found")
        return f"{pod} {container}\x1b[31m\nsecond line\n"


@pytest.fixture
def cluster() -> Printing:
    return Printing()


def printed(cluster: Printing, number: int, wanted: str | None = None) -> list[str]:
    return list(logs.lines(cluster.target, number, wanted))


def test_a_failed_run_shows_what_failed(cluster: Printing) -> None:
    title, text = printed(cluster, 7)
    assert title.startswith("== build / test, shop-staging-7-")
    assert text.startswith("pod-0 step-test")


def test_one_that_did_not_fail_shows_all(cluster: Printing) -> None:
    assert [line.split(",")[0] for line in printed(cluster, 8)[::2]] == ["== build / fetch", "== build / test"]


@pytest.mark.parametrize(("wanted", "steps"), [("fetch", ["build / fetch"]), ("build", ["build / fetch", "build / test"])])
def test_a_step_or_a_task_is_chosen(cluster: Printing, wanted: str, steps: list[str]) -> None:
    assert [line.split(",")[0] for line in printed(cluster, 7, wanted)[::2]] == [f"== {step}" for step in steps]


def test_a_pod_that_is_gone_is_told(cluster: Printing) -> None:
    assert printed(cluster, 9)[1] == "its pod is gone, and its log with it"


@pytest.mark.parametrize(
    ("number", "wanted", "message"),
    [
        (7, "image", "has no step 'image' that has begun; it has build / fetch, build / test"),
        (5, None, "no run of #5 is there"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(cluster: Printing, number: int, wanted: str | None, message: str) -> None:
    with pytest.raises(OperateError, match=message):
        printed(cluster, number, wanted)


def test_the_command_shows_it_plainly(cluster: Printing, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: cluster)
    assert command.main(["logs", "staging", "shop", "7"]) == 0
    assert "pod-0 step-test [31m\nsecond line\n" in capsys.readouterr().out
