"""What the steps of a run printed: those that failed, those that are named, and what is told where there are none."""

import base64
from typing import Any

import pytest
import urllib3
from kubernetes import client

from components.masks import fingerprints
from operate import __main__ as command
from operate import logs
from operate.errors import OperateError
from operate.masking import Masking
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
    return list(logs.lines(cluster.target, number, wanted, Masking(print)))


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
    assert "pod-0 step-test\nsecond line\n" in capsys.readouterr().out


SECRET = "npm_0123456789abcdef"


def masked(cluster: Printing, monkeypatch: Any, log: str) -> None:
    monkeypatch.setattr(cluster, "log", lambda *_: log)
    cluster.secrets["staging-ci", "log-masks"] = fingerprints([SECRET], "key")


@pytest.mark.parametrize(
    "log",
    [
        f"//registry/:_authToken={SECRET}\n",
        f"login {base64.b64encode(SECRET.encode()).decode()}\n",
        f"{SECRET[:9]}\x1b[31m{SECRET[9:]}\n",
        f"first\n{SECRET}",
    ],
    ids=["a file", "base64", "between colours", "no newline"],
)
def test_a_secret_of_the_pod_is_hidden(cluster: Printing, monkeypatch: Any, log: str) -> None:
    masked(cluster, monkeypatch, log)
    _, text = printed(cluster, 7)
    assert "(masked)" in text
    assert not any(part in text for part in (SECRET, SECRET[9:], base64.b64encode(SECRET.encode()).decode()))


def test_what_follows_a_secret_is_told(cluster: Printing, monkeypatch: Any) -> None:
    masked(cluster, monkeypatch, f"cannot log in with {SECRET}: expired\n")
    assert printed(cluster, 7)[1] == "cannot log in with (masked): expired"


def test_where_a_stack_hides_nothing_that_is_said_once(
    cluster: Printing, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    masked(cluster, monkeypatch, f"with {SECRET}\n")
    del cluster.secrets["staging-ci", "log-masks"]
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: cluster)
    assert command.main(["logs", "staging", "shop", "7", "build"]) == 0
    out, err = capsys.readouterr()
    assert out.count(SECRET) == 2
    assert err.count("warning: secrets are not hidden") == 1
    assert "the Secret log-masks of staging-ci: there is none, by `quoteLogs: false`" in err


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (403, "you may not get it (docs/operating.md#rights)"),
        ("", "it tells none, since these are too many"),
        (503, "503 None"),
        (401, "401 None"),
        (urllib3.exceptions.ProtocolError("aborted", OSError("reset")), "the cluster does not answer: reset"),
    ],
    ids=["forbidden", "too many", "503", "401", "silent"],
)
def test_where_it_cannot_be_told_what_to_hide_the_log_is_not_shown(
    cluster: Printing, monkeypatch: Any, capsys: pytest.CaptureFixture[str], there: Any, why: str
) -> None:
    masked(cluster, monkeypatch, f"with {SECRET}\n")
    cluster.secrets["staging-ci", "log-masks"] = there
    if isinstance(there, Exception):
        monkeypatch.setattr(cluster, "secret", lambda *_: raised(there))
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: cluster)
    assert command.main(["logs", "staging", "shop", "7", "build"]) == 0
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert (
        out.count(f"for want of the Secret log-masks of staging-ci: {why}; `kubectl --namespace staging-ci logs pod-0 ") == 2
    )
    for task in cluster.task_runs:
        task["spec"]["serviceAccountName"] = "deployer"
    assert f"with {SECRET}" in printed(cluster, 7), "the control: a trusted step has none to hide"


def raised(error: Exception) -> str:
    raise error


def test_steps_of_trusted_pods_have_no_secret_to_hide(cluster: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    for task in cluster.task_runs:
        task["spec"]["serviceAccountName"] = "deployer"
    printed(cluster, 7)
    assert "warning" not in capsys.readouterr().out
