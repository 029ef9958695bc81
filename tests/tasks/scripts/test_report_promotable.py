"""report.sh: the status by which branch rules know what can be promoted as it is, of this and of other pull requests."""

import pytest

from tests.tasks.scripts.conftest import Sandbox, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.report import SHA, report, status, statuses, step, task_run

pytestmark = [needs_jq, in_the_tools_images_shell]


@pytest.mark.parametrize(
    ("result", "state", "words"), [("yes", "success", "main has not moved since"), ("no", "failure", "update the branch")]
)
def test_branch_rules_learn_whether_a_commit_can_be_promoted_as_it_is(
    sandbox: Sandbox, result: str, state: str, words: str
) -> None:
    report(sandbox, [task_run("True", reason="serves", promotable=result)], "Succeeded")
    assert status(sandbox) == ("success", "serves")
    told = statuses(sandbox)[SHA, "tekton-delivery/promotable"]
    assert told[0] == state
    assert words in told[1]


def test_a_pod_with_pull_request_code_has_no_say(sandbox: Sandbox) -> None:
    """Any step can add results to its TaskRun, declared or not, by what it writes to Tekton's folder."""
    forged = task_run("True", account="untrusted", reason="all is well", promotable="yes")
    report(sandbox, [forged, task_run("True", reason="serves", promotable="no")], "Succeeded")
    assert status(sandbox) == ("success", "serves")
    assert statuses(sandbox)[SHA, "tekton-delivery/promotable"][0] == "failure"


def test_a_pull_request_that_was_not_staged_cannot_call_itself_promotable(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("False", step("test", 1), account="untrusted", reason="all is well", promotable="yes")])
    assert statuses(sandbox) == {
        (SHA, "tekton-delivery/staging"): ("failure", "shop-staging-7: step test failed (exit code 1)")
    }


def test_a_merge_makes_every_other_pull_request_to_that_branch_stale(sandbox: Sandbox) -> None:
    """As many as there are: Gitea has at most 50 of them on a page."""
    pulls = (
        [{"head": {"sha": "1" * 40}, "base": {"ref": "main"}}, {"head": {"sha": "2" * 40}, "base": {"ref": "release"}}],
        [{"head": {"sha": "4" * 40}, "base": {"ref": "release"}}],
        [{"head": {"sha": "3" * 40}, "base": {"ref": "main"}}],
    )
    result = report(sandbox, [task_run("True", reason="serves")], "Succeeded", pulls=pulls, AFTER_MERGE="true")
    assert result.code == 0, result.err
    told = {sha: state for (sha, context), state in statuses(sandbox).items() if context.endswith("/promotable")}
    assert told.keys() == {"1" * 40, "3" * 40}
    assert set(told.values()) == {("failure", "main has moved: update the branch")}


def test_a_merge_that_does_not_touch_the_application_makes_none_stale(sandbox: Sandbox) -> None:
    pulls = ([{"head": {"sha": "1" * 40}, "base": {"ref": "main"}}],)
    untouched = task_run("True", reason="nothing to roll out", touched="no")
    report(sandbox, [untouched], "Completed", pulls=pulls, AFTER_MERGE="true")
    assert statuses(sandbox) == {(SHA, "tekton-delivery/staging"): ("success", "nothing to roll out")}


def test_a_pull_request_that_does_not_touch_the_application_can_be_merged(sandbox: Sandbox) -> None:
    report(
        sandbox, [task_run("True", reason="nothing to stage: it does not touch lib", promotable="untouched")], "Completed"
    )
    told = ("success", "nothing to stage: it does not touch lib")
    assert statuses(sandbox) == {(SHA, f"tekton-delivery/{name}"): told for name in ("staging", "promotable")}


def test_applications_of_one_repository_have_statuses_of_their_own(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("True", reason="serves", promotable="yes")], "Succeeded", CONTEXT_SUFFIX="/shop")
    assert {context for _, context in statuses(sandbox)} == {
        "tekton-delivery/staging/shop",
        "tekton-delivery/promotable/shop",
    }


def test_other_pull_requests_that_cannot_be_listed_fail_the_step(sandbox: Sandbox) -> None:
    refused = "case $url in */pulls*) echo 'curl: (22) 403' >&2; exit 22 ;; esac"
    result = report(sandbox, [task_run("True", reason="serves")], "Succeeded", curl=refused, AFTER_MERGE="true")
    assert result.code != 0
    assert status(sandbox) == ("success", "serves"), "the run's own status comes first"
