"""Holding, freezing, and what is started anew when that ends."""

import json
from collections.abc import Callable

import pytest

from components.conventions import Manifest
from operate import holds, queue
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.records import hold
from tests.operate.cluster import Memory, run, served, task_run


def take(cluster: Memory, pull_request: int | None = None) -> None:
    holds.take(cluster.target, print, reason="by hand", pull_request=pull_request)


def test_a_hold_says_who_why_and_for_whom() -> None:
    cluster = Memory("staging", served("a", 7))
    cluster.before_patch = [{"theirs": "new"}]
    take(cluster, 7)
    written = json.loads(cluster.notes["tekton-delivery/hold"])
    assert written.pop("since").endswith("Z")
    assert written == {"by": "ana", "reason": "by hand", "pullRequest": "7"}
    assert '"pullRequest":"7"' in cluster.notes["tekton-delivery/hold"], "as the admission policy looks for it"
    assert cluster.notes["theirs"] == "new"
    assert cluster.held["spec"] == {}


def test_a_hold_is_not_taken_from_somebody() -> None:
    cluster = Memory("staging", served("a", 7))
    take(cluster)
    cluster.user = "bob"
    with pytest.raises(OperateError, match="held already, by ana"):
        take(cluster)


def test_lifting_ends_it_and_what_is_not_held_cannot_be_lifted() -> None:
    cluster = Memory("staging", served("a", 7))
    take(cluster)
    assert holds.lift(cluster.target, print).by == "ana"
    assert hold(cluster.live) is None
    with pytest.raises(OperateError, match="is not held"):
        holds.lift(cluster.target, print)


def test_a_freeze_has_one_owner_and_an_end() -> None:
    cluster = Memory("staging")
    holds.freeze(cluster, "staging", None)
    assert json.loads(cluster.switch["data"]["frozen"])["reason"] == "no reason given"
    with pytest.raises(OperateError, match="frozen already, by ana"):
        holds.freeze(cluster, "staging", None)
    holds.unfreeze(cluster, "staging")
    with pytest.raises(OperateError, match="is not frozen"):
        holds.unfreeze(cluster, "staging")


def test_a_freeze_of_the_settings_ends_in_the_settings() -> None:
    cluster = Memory("staging")
    cluster.switch = {"metadata": {"annotations": {"tekton-delivery/frozen": "stock-taking"}}}
    with pytest.raises(OperateError, match=r"by its settings: stock-taking\nremove `frozen`"):
        holds.unfreeze(cluster, "staging")
    with pytest.raises(OperateError, match="frozen already, by its settings"):
        holds.freeze(cluster, "staging", None)


QUEUED = "queued: staging is held for #7 by ana: by hand"


def waiting() -> Memory:
    """Two pull requests were queued, one of them twice; a third one was delivered."""
    cluster = Memory("staging", served("a", 7))
    older, newer, other, done = run(8, "12:01:00"), run(8, "12:03:00"), run(9, "12:02:00"), run(6, "12:04:00")
    cluster.pipeline_runs = [older, other, newer, done]
    cluster.task_runs = [*(task_run(item, QUEUED) for item in (older, newer, other)), task_run(done, "serves on staging")]
    return cluster


def test_the_newest_run_of_each_pull_request_is_queued() -> None:
    cluster = waiting()
    assert [name.split("-")[2] for name in queue.queued(cluster.target)] == ["9", "8"]
    cluster.pipeline_runs.append(run(9, "12:05:00"))
    assert [name.split("-")[2] for name in queue.queued(cluster.target)] == ["8"], "a newer one was not held back"


def test_pull_request_code_queues_nothing() -> None:
    cluster = waiting()
    cluster.task_runs.append(task_run(cluster.pipeline_runs[-1], QUEUED, account="untrusted"))
    assert [name.split("-")[2] for name in queue.queued(cluster.target)] == ["9", "8"]


def test_what_was_queued_starts_anew_in_its_order() -> None:
    cluster = waiting()
    names = queue.start_queued(cluster.target)
    assert names == [made["metadata"]["name"] for made in cluster.created]
    assert [name.split("-")[2] for name in names] == ["9", "8"]
    made, old = cluster.created[1], cluster.pipeline_runs[2]
    assert made["spec"] == old["spec"]
    assert len(made["metadata"]["name"]) == len(old["metadata"]["name"])
    assert made["metadata"]["name"].rpartition("-")[0] == old["metadata"]["name"].rpartition("-")[0]
    assert made["metadata"]["name"] != old["metadata"]["name"]
    assert made["metadata"]["annotations"] == {
        "tekton-delivery/retry-of": old["metadata"]["name"],
        "tekton-delivery/retried-by": "ana",
    }
    assert made["metadata"]["labels"]["tekton-delivery/pull-request"] == "8"
    assert not [name for name in made["metadata"]["labels"] if "tekton.dev/" in name]


def test_one_that_cannot_be_started_keeps_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = waiting()
    create = cluster.create_run

    def full(environment: str, body: Manifest) -> None:
        if "-9-" in body["metadata"]["name"]:
            raise ConflictError
        create(environment, body)

    monkeypatch.setattr(cluster, "create_run", full)
    with pytest.raises(OperateError, match=r"^started shop-staging-8-\S+, but not shop-staging-9-\S+: .* by somebody else$"):
        queue.start_queued(cluster.target)
    assert [made["metadata"]["name"].split("-")[2] for made in cluster.created] == ["8"]


def test_nothing_starts_while_something_else_holds_it_back() -> None:
    cluster = waiting()
    holds.freeze(cluster, "staging", None)
    assert queue.start_queued(cluster.target) == []
    holds.unfreeze(cluster, "staging")
    take(cluster)
    assert queue.start_queued(cluster.target) == []
    holds.lift(cluster.target, print)
    take(cluster, 8)
    assert [name.split("-")[2] for name in queue.start_queued(cluster.target)] == ["8"]


def test_a_retry_is_a_new_attempt_of_the_newest_run() -> None:
    cluster = waiting()
    cluster.pipeline_runs[2]["spec"]["status"] = "CancelledRunFinally"
    name = queue.retry(cluster.target, 8)
    (made,) = cluster.created
    assert made["metadata"]["name"] == name
    assert made["metadata"]["annotations"]["tekton-delivery/retry-of"].endswith("120300")
    assert "status" not in made["spec"]


def test_a_run_that_was_overtaken_is_not_what_a_retry_repeats() -> None:
    """The webhook of a close that came after that of the reopen made a run that ended itself."""
    cluster = waiting()
    late = run(8, "12:09:00")
    late["metadata"]["annotations"] = {"tekton-delivery/superseded-by": "reopened"}
    cluster.pipeline_runs.append(late)
    queue.retry(cluster.target, 8)
    (made,) = cluster.created
    assert made["metadata"]["annotations"]["tekton-delivery/retry-of"].endswith("120300")
    assert [name.split("-")[2] for name in queue.queued(cluster.target)] == ["9", "8"], "lift finds it as well"


def test_two_people_who_retry_at_once_start_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = waiting()
    monkeypatch.setattr(cluster, "create_run", raises(ConflictError))
    with pytest.raises(OperateError, match="has just been started by somebody else"):
        queue.retry(cluster.target, 8)


def raises(error: type[Exception]) -> Callable[..., None]:
    def call(*arguments: object) -> None:
        raise error

    return call


def test_a_retry_of_what_is_not_there_or_not_over_is_refused() -> None:
    cluster = waiting()
    with pytest.raises(OperateError, match="staging shop has no run of #5; there are runs of #9, #8, #6"):
        queue.retry(cluster.target, 5)
    cluster.pipeline_runs.append(run(5, "12:06:00", ended=False))
    with pytest.raises(OperateError, match="has not ended"):
        queue.retry(cluster.target, 5)
    assert cluster.created == []


def test_a_retry_may_take_as_long_as_the_settings_say_by_now() -> None:
    cluster = waiting()
    former = cluster.pipeline_runs[2]["spec"]
    former["timeouts"] = {"tasks": "1h0m0s", "pipeline": "1h10m0s"}
    former["taskRunSpecs"] = [{"pipelineTaskName": "build", "serviceAccountName": "untrusted", "timeout": "20m0s"}]
    cluster.tasks = [{"name": "build", "timeout": "12h0m0s"}, {"name": "stage", "timeout": "1h30m0s"}]
    queue.retry(cluster.target, 8)
    (made,) = cluster.created
    assert made["spec"]["timeouts"] == {"tasks": "13h30m0s", "pipeline": "13h40m0s"}
    assert made["spec"]["taskRunSpecs"] == [{"pipelineTaskName": "build", "serviceAccountName": "untrusted"}]


def test_in_a_stack_of_version_0_1_0_a_retry_may_take_as_long_as_before() -> None:
    cluster = waiting()
    cluster.pipeline_runs[2]["spec"]["timeouts"] = {"tasks": "1h0m0s", "pipeline": "1h10m0s"}
    queue.retry(cluster.target, 8)
    (made,) = cluster.created
    assert made["spec"]["timeouts"] == {"tasks": "1h0m0s", "pipeline": "1h10m0s"}
