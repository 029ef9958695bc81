"""What is asked right before a rollout: whether the commit is its pull request's head still, by the forge's own git."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from components.tasks.git import SSH as OVER_SSH
from steps.head import Head
from tests.steps.conftest import SSH, Result, Sandbox, git
from tests.steps.deploy.step import OLD, deploy, reason

REF = "refs/pull/7/head"
LIVE = {"metadata": {"generation": 1, "annotations": {"tekton-delivery/run": "run-0"}}}


@pytest.fixture
def moved(sandbox: Sandbox, forge: Path, head: str) -> Any:
    """Ask about a commit of a pull request; what is told goes to the file `told`."""
    sandbox.stub("ssh", SSH)

    def ask(commit: str, ref: str = REF, then: Callable[[], object] = lambda: None, live: Any = LIVE) -> Result:
        def run(given: Mapping[str, str]) -> None:
            made = Head(f"ssh://git@forge.internal:2222{forge}", ref, sandbox.root / "history", {}, lambda: LIVE)
            made.ask(commit)
            made.wait()
            then()
            (sandbox.root / "told").write_text(str(made.moved(commit, live)))

        return sandbox.part(run, **OVER_SSH.env)

    (sandbox.root / "history").mkdir()
    git(forge, "update-ref", REF, head)
    with mock.patch("steps.waits.time.sleep") as ask.slept:  # type: ignore[attr-defined]
        yield ask


def told(sandbox: Sandbox) -> str:
    return (sandbox.root / "told").read_text()


def test_the_head_is_not_overtaken(sandbox: Sandbox, moved: Any, head: str) -> None:
    assert moved(head).code == 0
    assert told(sandbox) == "None"
    assert moved.slept.mock_calls == []
    assert len(sandbox.called("ssh")) == 1


def test_another_commit_is_overtaken_once_the_forge_had_its_time(
    sandbox: Sandbox, moved: Any, forge: Path, head: str
) -> None:
    assert moved(git(forge, "rev-parse", "HEAD~1")).code == 0
    assert told(sandbox) == head
    assert 10 <= sum(call.args[0] for call in moved.slept.mock_calls) <= 20


def test_a_ref_that_is_set_late_is_waited_for(sandbox: Sandbox, moved: Any, forge: Path, head: str) -> None:
    former = git(forge, "rev-parse", "HEAD~1")
    git(forge, "update-ref", REF, former)
    moved.slept.side_effect = lambda _: git(forge, "update-ref", REF, head)
    assert moved(head).code == 0
    assert told(sandbox) == "None"


@pytest.mark.parametrize(
    ("live", "again"),
    [
        (LIVE, False),
        ({"metadata": {"generation": 2, "annotations": {"tekton-delivery/run": "run-0"}}}, True),
        ({"metadata": {"generation": 1, "annotations": {"tekton-delivery/run": "run-1"}}}, True),
    ],
    ids=["nothing", "an image", "the same image"],
)
def test_what_was_pushed_and_rolled_out_meanwhile_stays(
    sandbox: Sandbox, moved: Any, forge: Path, head: str, live: Any, again: bool
) -> None:
    """It was the head when it was asked. The newer commit's run was faster."""
    former = git(forge, "rev-parse", "HEAD~1")
    git(forge, "update-ref", REF, former)
    assert moved(former, then=lambda: git(forge, "update-ref", REF, head), live=live).code == 0
    assert told(sandbox) == (head if again else "None")


def test_a_branch_of_the_same_name_is_another_ref(sandbox: Sandbox, moved: Any, forge: Path, head: str) -> None:
    """Whoever may write can push `refs/heads/refs/pull/7/head`."""
    former = git(forge, "rev-parse", "HEAD~1")
    git(forge, "update-ref", f"refs/heads/{REF}", former)
    try:
        assert moved(former).code == 0
    finally:
        git(forge, "update-ref", "-d", f"refs/heads/{REF}")
    assert told(sandbox) == head


def test_a_pull_request_that_is_not_there_ends_the_step(moved: Any, head: str) -> None:
    result = moved(head, ref="refs/pull/8/head")
    assert result.code != 0
    assert "refs/pull/8/head" in result.err


def test_a_merge_is_no_pull_requests_head(sandbox: Sandbox, moved: Any, forge: Path) -> None:
    assert moved(git(forge, "rev-parse", "HEAD~1"), ref="").code == 0
    assert told(sandbox) == "None"
    assert sandbox.called("ssh") == []


@pytest.mark.parametrize("by", ["f" * 40, None])
def test_what_is_overtaken_is_not_rolled_out(sandbox: Sandbox, by: str | None) -> None:
    cluster = sandbox.serve(OLD)
    head = mock.Mock(spec=Head)
    head.moved.return_value = by
    result = deploy(sandbox, head=head)
    assert (result.code == 0) == (by is None), result.err
    assert (cluster.image == OLD) == (by is not None)
    if by:
        assert reason(sandbox) == f"superseded: the head of the pull request is {by}"


def test_nobody_waits_for_what_the_forge_takes_its_time_over(sandbox: Sandbox) -> None:
    """A push that was overtaken is asked about for a quarter of a minute: before it takes the Lease."""
    cluster = sandbox.serve(OLD)
    called: list[list[str]] = []
    head = mock.Mock(spec=Head)
    head.wait.side_effect = lambda: called.append(list(cluster.calls))
    head.moved.return_value = None
    assert deploy(sandbox, head=head).code == 0
    assert called == [[]]
    assert cluster.holder is None
