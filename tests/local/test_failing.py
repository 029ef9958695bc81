"""What the demo shows of a pull request whose tests fail."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from local import failing
from local.forge.client import Comment, PullRequest, Status
from local.machine import Machine
from local.progress import Progress

OPENED = cast(PullRequest, SimpleNamespace(number=7, head_sha="c0ffee"))


class Developer:
    """The forge, with a status and comments of somebody."""

    def __init__(self) -> None:
        self.closed: list[int] = []

    def statuses(self, repository: str, sha: str) -> dict[str, Status]:
        return {"tekton-delivery/staging": Status("tekton-delivery/staging", "failure", "step test\x1b[31m failed", "")}

    def comments(self, repository: str, number: int) -> list[Comment]:
        return [Comment("bot", "### staging: failed\n\x1b[31mwhy")]

    def close(self, repository: str, number: int) -> None:
        self.closed.append(number)


@pytest.mark.parametrize(
    ("succeeded", "code", "expected"),
    [(False, 0, True), (True, 0, False), (False, 1, False)],
    ids=["seen", "green", "no why"],
)
def test_a_person_sees_status_comment_and_why(
    monkeypatch: pytest.MonkeyPatch, succeeded: bool, code: int, expected: bool
) -> None:
    written: list[str] = []
    asked: list[Any] = []
    developer = Developer()
    running = SimpleNamespace(
        forge=SimpleNamespace(developer=developer), kubernetes=None, cluster=SimpleNamespace(kubeconfig="kubeconfig")
    )
    monkeypatch.setattr(failing, "wait_for_run", lambda *given, **more: {})
    monkeypatch.setattr(failing, "follow", lambda *given, **more: (succeeded, ""))

    def run(command: list[str], **more: Any) -> Any:
        asked.append((command[1:], more["env"]["KUBECONFIG"]))
        return SimpleNamespace(stdout="staging  failure\n", returncode=code)

    monkeypatch.setattr("subprocess.run", run)
    seen = failing.show(cast(Machine, running), OPENED, "chespirito", Progress(write=written.append))
    assert seen is expected
    assert asked == [(["-m", "operate", "why", "staging", "chespirito", "7"], "kubeconfig")]
    text = "".join(written)
    for line in (
        "  status tekton-delivery/staging: failure, step test [31m failed\n",
        "  bot comments:\n    ### staging: failed\n     [31mwhy\n",
        "  python -m operate why staging chespirito 7\n    staging  failure\n",
    ):
        assert line in text
    assert developer.closed == [7]
