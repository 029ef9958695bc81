"""The step report: one status for a run, with the reason of a failure, and a token that nobody sees."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.steps.report import Reporter, step, task_run
from tests.steps.server import AT, SHA, TOKEN
from tests.tasks.scripts.conftest import HOSTILE


@pytest.mark.parametrize("aggregate", ["Succeeded", "Completed"])
def test_a_run_that_succeeded_says_how_it_ended(reporter: Reporter, aggregate: str) -> None:
    result = reporter.report([task_run("True", step("fetch", 0)), task_run("True", reason="serves")], aggregate)
    assert result.code == 0, result.err
    assert reporter.forge.statuses == {(SHA, "tekton-delivery/staging"): ("success", "serves")}


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("f" * 40, f"superseded: the head of the pull request is {'f' * 40}"),
        (None, "shop-staging-7: cancelled before it came"),
    ],
)
def test_a_run_that_was_cancelled_between_two_tasks_is_no_success(reporter: Reporter, by: str | None, told: str) -> None:
    """No task has failed then, and Tekton calls that completed: the rest was skipped."""
    annotations = {"tekton-delivery/superseded-by": by} if by else {}
    built = task_run("True", step("image", 0), account="untrusted")
    reporter.report([built, task_run("Unknown") | {"metadata": {"annotations": annotations}}], "Completed")
    state, description = reporter.forge.status
    assert state == "failure"
    assert description.startswith(told)


def test_a_run_that_was_cancelled_in_a_task_says_so(reporter: Reporter) -> None:
    cancelled = task_run("False", step("stage", 1), message='TaskRun "shop-staging-7-stage" was cancelled')
    cancelled["status"]["conditions"][0]["reason"] = "TaskRunCancelled"
    reporter.report([cancelled])
    assert reporter.forge.status == ("failure", "shop-staging-7: cancelled in step stage")


def test_everything_but_success_is_a_failure(reporter: Reporter) -> None:
    reporter.report([task_run("False", message="gone")], "anything else")
    assert reporter.forge.status[0] == "failure"


def test_the_failing_step_is_named(reporter: Reporter) -> None:
    """Steps before it ended with 0, and Tekton gives the ones after it a code that is not theirs."""
    runs = [
        task_run("True", step("supersede", 0)),
        task_run("Unknown"),
        task_run("False", step("fetch", 0), step("test", 3), step("image", 1)),
    ]
    reporter.report(runs)
    assert reporter.forge.status == ("failure", "shop-staging-7: step test failed (exit code 3)")


def ended(at: int, code: int = 1, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": f"2026-11-22T17:20:{at:02}Z"}}


def with_services(*services: dict[str, Any], step: str, code: int = 1, reason: str = "Failed") -> dict[str, Any]:
    """A TaskRun whose step failed at :30, beside services in these states."""
    made = task_run("False", {"name": "fetch"} | ended(1, 0), {"name": step} | ended(30, code))
    made["spec"]["timeout"] = "20m0s"
    made["status"]["conditions"][0]["reason"] = reason
    made["status"]["sidecars"] = [{"name": "cache", "running": {}}, *services]
    return made


def cannot_start(why: str) -> dict[str, Any]:
    """Tekton gives every step that has not ended a code, and does not say of the service why it waits."""
    made = with_services({"name": "db", "waiting": {"reason": "PodInitializing"}}, step="fetch")
    told = f'the sidecar "db" in TaskRun "shop-staging-7-build" failed to {why}. The pod errored with the message: "no"'
    made["status"]["conditions"][0]["message"] = told
    return made


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (with_services(step="await-db"), "the service db did not get ready"),
        (
            with_services({"name": "db"} | ended(3, 2), step="await-db"),
            "the service db did not get ready; the service db had ended (exit code 2)",
        ),
        (
            with_services({"name": "db"} | ended(29, 137, "OOMKilled"), step="test", code=3),
            "step test failed (exit code 3); the service db ran out of memory",
        ),
        (with_services({"name": "db"} | ended(29, 0, "Completed"), step="test"), "step test failed (exit code 1)"),
        (
            with_services({"name": "db"} | ended(29, 137), step="test", code=0, reason="SidecarFailed"),
            "the service db had ended (exit code 137)",
        ),
        # Tekton's own doing, once the steps have ended.
        (with_services({"name": "db"} | ended(31, 137), step="test"), "step test failed (exit code 1)"),
        (cannot_start('pull the image ""'), "the service db failed to pull the image"),
        (cannot_start("start"), "the service db failed to start"),
        (with_services(step="test", reason="TaskRunTimeout"), "step test did not end within 20m0s (build.timeout)"),
    ],
    ids=[
        "not ready", "ended before it was ready", "ended during the tests", "ended well", "ended, and the tests passed",
        "ended by Tekton", "no image", "no container", "timeout",
    ],
)  # fmt: skip
def test_what_became_of_services_is_told(reporter: Reporter, run: dict[str, Any], expected: str) -> None:
    reporter.report([task_run("True", step("supersede", 0)), run])
    assert reporter.forge.status == ("failure", f"shop-staging-7: {expected}")


def test_a_reason_that_a_step_gives_says_more_than_its_name(reporter: Reporter) -> None:
    reporter.report([task_run("False", step("deploy", 1), reason="was not ready within 60s")])
    assert reporter.forge.status == ("failure", "was not ready within 60s")


def test_what_people_hold_back_is_pending(reporter: Reporter) -> None:
    reporter.report([task_run("False", step("deploy", 1), reason="queued: staging is held by ana: by hand")])
    assert reporter.forge.status == ("pending", "queued: staging is held by ana: by hand")


def test_a_failure_outside_of_steps_says_why(reporter: Reporter) -> None:
    reporter.report([task_run("False", message='TaskRun "x" failed to finish within "20m0s"')])
    assert reporter.forge.status[1] == 'shop-staging-7: TaskRun "x" failed to finish within "20m0s"'


def test_a_failure_without_any_trace_is_still_reported(reporter: Reporter) -> None:
    result = reporter.report([{}, {"status": {}}, {"status": {"conditions": []}}, task_run("Unknown")])
    assert result.code == 0, result.err
    assert reporter.forge.status == ("failure", "shop-staging-7: failed")


def test_a_reason_that_cannot_be_had_does_not_keep_the_status_back(reporter: Reporter) -> None:
    reporter.lists.refuses("/taskruns?", "taskruns is forbidden")
    result = reporter.run("Failed")
    assert result.code == 0, result.err
    assert "taskruns is forbidden" in result.err
    assert reporter.forge.status[0] == "failure"


@pytest.mark.parametrize("given", ["message", "reason"])
def test_any_text_becomes_one_short_line(reporter: Reporter, given: str) -> None:
    """GitHub refuses a description of more than 140 characters."""
    text = "one\nline\r\nonly\x1b[31m " + " ".join(HOSTILE) + "ü" * 300
    result = reporter.report([task_run("False", **{given: text})])
    assert result.code == 0, result.err
    description = reporter.forge.status[1]
    assert len(description) <= 140
    assert description.isprintable()
    assert description.removeprefix("shop-staging-7: ").startswith(f"one line  only [31m {HOSTILE[0]} {HOSTILE[1]}")


def test_the_runs_of_this_pipeline_run_are_asked_for(reporter: Reporter) -> None:
    reporter.report([])
    (call,) = reporter.lists.calls
    assert call.bearer == "token-of-the-cluster"
    path, _, query = call.path.partition("?")
    assert path == "/apis/tekton.dev/v1/namespaces/staging-ci/taskruns"
    assert parse_qs(query)["labelSelector"] == ["tekton.dev/pipelineRun=shop-staging-7"]


def test_a_long_list_is_read_to_its_end(reporter: Reporter) -> None:
    runs = [*(task_run("True", step("fetch", 0)) for _ in range(4)), task_run("True", reason="serves")]
    reporter.lists.has("taskruns", runs, page=2)
    reporter.run("Succeeded")
    assert reporter.forge.status == ("success", "serves")
    assert len(reporter.lists.calls) == 3


def test_the_token_is_on_no_command_line_and_in_no_output(reporter: Reporter) -> None:
    result = reporter.report([task_run("True", reason="serves", promotable="yes")], "Succeeded", AFTER_MERGE="true")
    assert {call.bearer for call in reporter.forge.calls} == {TOKEN}
    assert reporter.sandbox.calls == []
    assert TOKEN not in result.out + result.err


@pytest.mark.parametrize("status", [401, 422])
def test_a_forge_that_refuses_for_good_fails_the_step(reporter: Reporter, status: int) -> None:
    """Somebody has to mend that: a token, or a right."""
    reporter.forge.says("/statuses/", {}, status)
    result = reporter.report([], "Succeeded")
    assert result.code != 0
    assert f"answers {status}" in result.err
    assert f"error: the forge takes no status of {SHA}" in result.err


def test_a_request_is_no_file_that_another_step_could_meddle_with(reporter: Reporter) -> None:
    reporter.report([], "Succeeded")
    assert list(reporter.sandbox.work.iterdir()) == []
    assert reporter.forge.asked == [f"POST {AT}/statuses/{SHA}"]


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("f" * 40, f"superseded: the head of the pull request is {'f' * 40}"),
        ("closed", "superseded: the pull request was closed or moved to another branch"),
    ],
)
def test_by_what_a_run_was_overtaken_is_told(reporter: Reporter, by: str, told: str) -> None:
    """Of the TaskRuns the last one has it: Tekton hands a run's annotations on as it makes one."""
    last = task_run("Unknown") | {"metadata": {"annotations": {"tekton-delivery/superseded-by": by}}}
    cancelled = task_run("False", message='TaskRun "build" was cancelled')
    reporter.report([cancelled, last], status="None")
    assert reporter.forge.status == ("failure", told)


def test_a_run_that_a_newer_one_of_its_commit_overtook_leaves_the_telling_to_that(reporter: Reporter) -> None:
    last = task_run("Unknown") | {"metadata": {"annotations": {"tekton-delivery/superseded-by": SHA}}}
    result = reporter.report([last], status="None")
    assert result.code == 0, result.err
    assert reporter.forge.statuses == {}


def test_why_a_commit_could_not_be_fetched_is_told(reporter: Reporter) -> None:
    """Nothing of the pull request has run there. Of a fork's run the first pod gives a reason that is empty."""
    why = "submodules are not fetched (commit the files, or set `paths` without it): lib"
    skipped = [step("fetch", 1), step("test", 1), step("image", 1)]
    reporter.report([task_run("True", reason=""), task_run("False", *skipped, account="untrusted", reason=why)])
    assert reporter.forge.status == ("failure", why)


@pytest.mark.parametrize("codes", [(0, 1), (0, 0)], ids=["failed tests", "passed tests"])
def test_what_a_pod_says_that_ran_a_pull_requests_code_is_not(reporter: Reporter, codes: tuple[int, int]) -> None:
    steps = [step(name, code) for name, code in zip(("fetch", "test"), codes, strict=True)]
    reporter.report([task_run("False", *steps, account="untrusted", reason="forged", promotable="yes")])
    assert "forged" not in reporter.forge.status[1]
    assert (SHA, "tekton-delivery/promotable") not in reporter.forge.statuses


TESTS_MEMORY = "build.testResources.memory"


def limited(name: str, code: int, reason: str, memory: str = "1Gi") -> dict[str, Any]:
    """A TaskRun of which a step failed that had a limit."""
    killed = step(name, code)
    killed["terminated"]["reason"] = reason
    made = task_run("False", killed, account="untrusted")
    made["status"]["taskSpec"] = {"steps": [{"name": name, "computeResources": {"limits": {"memory": memory}}}]}
    return made


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (limited("fetch", 137, "OOMKilled", "256Mi"), "step fetch ran out of memory at 256Mi (applications[].fetch.memory)"),
        (limited("test", 1, "OOMKilled"), f"step test ran out of memory at 1Gi ({TESTS_MEMORY})"),
        (limited("image", 10, "OOMKilled", "2Gi"), "step image ran out of memory at 2Gi (build.imageResources.memory)"),
        (limited("reports", 137, "OOMKilled", "512Mi"), "step reports ran out of memory at 512Mi"),
        (limited("test", 137, "Error"), f"step test was killed (exit code 137); its memory is 1Gi ({TESTS_MEMORY})"),
        (limited("reports", 137, "Error", "512Mi"), "step reports failed (exit code 137)"),
        (limited("test", 1, "Error"), "step test failed (exit code 1)"),
        (task_run("False", step("test", 137)), "step test failed (exit code 137)"),
    ],
    ids=[
        "fetch", "tests that went on", "a stage of tests", "no setting", "killed", "killed without a setting", "neither",
        "no limit",
    ],
)  # fmt: skip
def test_that_memory_was_too_little_is_told_with_what_gives_more(reporter: Reporter, run: dict[str, Any], why: str) -> None:
    reporter.report([run])
    assert reporter.forge.status == ("failure", f"shop-staging-7: {why}")


def test_that_a_service_ran_out_of_memory_is_told_with_what_gives_more(reporter: Reporter) -> None:
    run = with_services({"name": "db"} | ended(29, 137, "OOMKilled"), step="test")
    limits = {"limits": {"memory": "512Mi"}}
    run["status"]["taskSpec"] = {"sidecars": [{"name": "db", "computeResources": limits}]}
    reporter.report([run])
    told = "the service db ran out of memory at 512Mi (services.db.resources.memory)"
    assert reporter.forge.status[1] == f"shop-staging-7: step test failed (exit code 1); {told}"


def test_a_run_whose_time_was_over_is_told_from_one_that_was_cancelled(reporter: Reporter) -> None:
    run = with_services(step="test", reason="TaskRunCancelled")
    message = 'TaskRun "x" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has timed out.'
    run["status"]["conditions"][0]["message"] = message
    reporter.report([run])
    assert reporter.forge.status[1] == "shop-staging-7: step test had not ended when the time of the whole run was over"
