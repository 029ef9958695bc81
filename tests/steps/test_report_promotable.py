"""The step report: by which status branch rules know what can be promoted as it is, of these and other pull requests."""

from unittest import mock

import pytest

from tests.steps.report import Reporter, step, task_run
from tests.steps.server import SHA, Forge


@pytest.mark.parametrize(
    ("result", "state", "words"), [("yes", "success", "main has not moved since"), ("no", "failure", "update the branch")]
)
def test_branch_rules_learn_whether_a_commit_can_be_promoted_as_it_is(
    reporter: Reporter, result: str, state: str, words: str
) -> None:
    reporter.report([task_run("True", reason="serves", promotable=result)], "Succeeded")
    assert reporter.forge.status == ("success", "serves")
    told = reporter.forge.statuses[SHA, "tekton-delivery/promotable"]
    assert told[0] == state
    assert words in told[1]


def test_the_environment_goes_by_its_own_name(reporter: Reporter) -> None:
    reporter.report([task_run("True", reason="serves", promotable="yes")], "Succeeded", ENVIRONMENT="preview")
    said = reporter.forge.statuses
    assert said[SHA, "tekton-delivery/promotable"] == ("success", "preview ran it, and main has not moved since")
    assert (SHA, "tekton-delivery/preview") in said


def told(
    at: str, state: str = "failure", context: str = "tekton-delivery/promotable", word: str = "state"
) -> dict[str, str]:
    return {"context": context, word: state, "created_at": at}


LOOKED = "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ([told("2026-11-22T12:00:01Z")], "failure"),
        ([told("2026-11-22T13:00:01+01:00", word="status"), told("2026-11-22T11:00:00Z", "success")], "failure"),
        ([told("2026-11-22T07:00:00.5-05:00")], "failure"),
        ([told("2026-11-22T11:59:59Z")], "success"),
        ([told("2026-11-22T12:30:00+01:00")], "success"),
        ([told("2026-11-22T12:00:01Z", "success")], "success"),
        ([told("2026-11-22T12:00:01Z", context="tekton-delivery/promotable/shop")], "success"),
        ([], "success"),
    ],
)
def test_what_was_told_while_it_was_staged_stays_told(reporter: Reporter, known: list[dict[str, str]], state: str) -> None:
    """The base branch moved after the run looked at it, and who tells of that was faster than the run."""
    reporter.forge.says(f"/commits/{SHA}/statuses?", known)
    looked = step("commits", 0)
    looked["terminated"]["startedAt"] = LOOKED
    result = reporter.report([task_run("True", looked, reason="serves", promotable="yes")], "Succeeded")
    assert result.code == 0, result.err
    assert reporter.forge.statuses[SHA, "tekton-delivery/promotable"][0] == state
    assert reporter.forge.status[0] == "success"


def test_a_pod_with_pull_request_code_has_no_say(reporter: Reporter) -> None:
    """Any step can add results to its TaskRun, declared or not, by what it writes to Tekton's folder."""
    forged = task_run("True", account="untrusted", reason="all is well", promotable="yes")
    reporter.report([forged, task_run("True", reason="serves", promotable="no")], "Succeeded")
    assert reporter.forge.status == ("success", "serves")
    assert reporter.forge.statuses[SHA, "tekton-delivery/promotable"][0] == "failure"


def test_a_pull_request_that_was_not_staged_cannot_call_itself_promotable(reporter: Reporter) -> None:
    reporter.report([task_run("False", step("test", 1), account="untrusted", reason="all is well", promotable="yes")])
    assert reporter.forge.statuses == {
        (SHA, "tekton-delivery/staging"): ("failure", "shop-staging-7: step test failed (exit code 1)")
    }


def test_a_merge_makes_every_other_pull_request_to_that_branch_stale(reporter: Reporter) -> None:
    """As many as there are: Gitea has at most 50 of them on a page."""
    pulls = (
        [{"head": {"sha": "1" * 40}, "base": {"ref": "main"}}, {"head": {"sha": "2" * 40}, "base": {"ref": "release"}}],
        [{"head": {"sha": "4" * 40}, "base": {"ref": "release"}}],
        [{"head": {"sha": "3" * 40}, "base": {"ref": "main"}}],
    )
    result = reporter.report([task_run("True", reason="serves")], "Succeeded", pulls=pulls, AFTER_MERGE="true")
    assert result.code == 0, result.err
    told = {sha: state for (sha, context), state in reporter.forge.statuses.items() if context.endswith("/promotable")}
    assert told.keys() == {"1" * 40, "3" * 40}
    assert set(told.values()) == {("failure", "main has moved: update the branch")}


def test_a_merge_that_does_not_touch_the_application_makes_none_stale(reporter: Reporter) -> None:
    pulls = ([{"head": {"sha": "1" * 40}, "base": {"ref": "main"}}],)
    untouched = task_run("True", reason="nothing to roll out", touched="no")
    reporter.report([untouched], "Completed", pulls=pulls, AFTER_MERGE="true")
    assert reporter.forge.statuses == {(SHA, "tekton-delivery/staging"): ("success", "nothing to roll out")}


@pytest.mark.parametrize("by", ["started-by", "retried-by"])
def test_a_merge_that_is_delivered_by_hand_makes_none_stale(reporter: Reporter, by: str) -> None:
    """Its branch moved when it was merged, and what is open may have been brought up to date since."""
    pulls = ([{"head": {"sha": "1" * 40}, "base": {"ref": "main"}}],)
    last = task_run("True", reason="serves") | {"metadata": {"annotations": {f"tekton-delivery/{by}": "ana"}}}
    reporter.report([last], "Succeeded", pulls=pulls, AFTER_MERGE="true")
    assert reporter.forge.statuses == {(SHA, "tekton-delivery/staging"): ("success", "serves")}


def test_a_pull_request_that_does_not_touch_the_application_can_be_merged(reporter: Reporter) -> None:
    reporter.report(
        [task_run("True", reason="nothing to stage: it does not touch lib", promotable="untouched")], "Completed"
    )
    told = ("success", "nothing to stage: it does not touch lib")
    assert reporter.forge.statuses == {(SHA, f"tekton-delivery/{name}"): told for name in ("staging", "promotable")}


def test_applications_of_one_repository_have_statuses_of_their_own(reporter: Reporter) -> None:
    reporter.report([task_run("True", reason="serves", promotable="yes")], "Succeeded", CONTEXT_SUFFIX="/shop")
    assert {context for _, context in reporter.forge.statuses} == {
        "tekton-delivery/staging/shop",
        "tekton-delivery/promotable/shop",
    }


PULLS = [{"head": {"sha": digit * 40}, "base": {"ref": "main"}} for digit in "123"]


def promotable(forge: Forge) -> set[str]:
    """The commits that the forge was asked to set the status of."""
    return {sha for sha, context in forge.statuses if context.endswith("/promotable")}


def test_a_head_that_takes_no_more_statuses_keeps_no_other_green(reporter: Reporter) -> None:
    """GitHub takes 1000 of each commit and context; whoever may push can use them up."""
    reporter.forge.says(f"/statuses/{'2' * 40}", {}, 422)
    result = reporter.report([task_run("True", reason="serves")], "Succeeded", pulls=(PULLS,), AFTER_MERGE="true")
    assert promotable(reporter.forge) == {"1" * 40, "2" * 40, "3" * 40}
    assert result.code == 0, "the promotion was good"
    assert f"the forge takes no status of {'2' * 40}" in result.err
    assert "1" * 40 not in result.err


@pytest.mark.parametrize(("answer", "status"), [({}, 403), (b"<html>", 200), ([5], 200)])
def test_other_pull_requests_that_cannot_be_listed_do_not_fail_a_promotion(
    reporter: Reporter, answer: object, status: int
) -> None:
    """What was listed is told nevertheless."""
    reporter.forge.pulls(PULLS)
    reporter.forge.says("page=2", answer, status)
    result = reporter.report([task_run("True", reason="serves")], "Succeeded", AFTER_MERGE="true")
    assert reporter.forge.status == ("success", "serves")
    assert promotable(reporter.forge) == {"1" * 40, "2" * 40, "3" * 40}
    assert result.code == 0
    assert "open pull requests cannot be listed" in result.err


def test_a_run_whose_end_cannot_be_told_fails_by_that_and_tells_the_rest(reporter: Reporter) -> None:
    reporter.forge.says(f"/statuses/{SHA}", {}, 422)
    runs = [task_run("True", reason="serves", promotable="yes")]
    result = reporter.report(runs, "Succeeded", pulls=(PULLS,), AFTER_MERGE="true")
    assert result.code != 0
    assert promotable(reporter.forge) == {SHA, "1" * 40, "2" * 40, "3" * 40}


def test_a_head_of_which_the_forge_says_nothing_is_told(reporter: Reporter) -> None:
    reporter.forge.says(f"/commits/{'1' * 40}/status?", b"")
    reporter.report([task_run("True", reason="serves")], "Succeeded", pulls=(PULLS[:1],), AFTER_MERGE="true")
    assert promotable(reporter.forge) == {"1" * 40}


@pytest.mark.parametrize("word", ["state", "status"], ids=["github", "gitea"])
def test_a_head_that_is_red_already_costs_no_status(reporter: Reporter, word: str) -> None:
    """Each merge would take one of GitHub's thousand of every pull request that stays open."""
    red = {"statuses": [{"context": "tekton-delivery/promotable", word: "failure"}]}
    green = {"statuses": [{"context": "tekton-delivery/promotable", word: "success"}]}
    other = {"statuses": [{"context": "tekton-delivery/promotable/shop", word: "failure"}]}
    for digit, answer in zip("123", (red, green, other), strict=True):
        reporter.forge.says(f"/commits/{digit * 40}/status?", answer)
    reporter.report([task_run("True", reason="serves")], "Succeeded", pulls=(PULLS,), AFTER_MERGE="true")
    assert promotable(reporter.forge) == {"2" * 40, "3" * 40}


FORBIDDEN = "cannot be read: the reporter may not list taskruns in staging-ci"


@pytest.mark.parametrize(
    ("status", "state", "word"),
    [("Succeeded", "success", "all tasks succeeded; "), ("Completed", "failure", ""), ("Failed", "failure", "")],
)
def test_what_cannot_be_read_is_told_and_keeps_the_commit_from_being_promoted(
    reporter: Reporter, status: str, state: str, word: str
) -> None:
    """As where the RoleBinding of the reporter was deleted while the run went on."""
    reporter.lists.refuses("/taskruns?", "taskruns.tekton.dev is forbidden")
    about = {"COMMENT_RIGHTS": "{}", "PARAM_PULL_REQUEST": "12", "PARAM_APPLICATION": "shop", "PARAM_ENVIRONMENT_URL": ""}
    with mock.patch("steps.comments.tell", return_value=True) as tell:
        result = reporter.run(status, **about, RUN_AGAIN="")
    assert result.code == 0, result.err
    assert reporter.forge.status == (state, f"{word}what the run did {FORBIDDEN}")
    promotable = reporter.forge.statuses[SHA, "tekton-delivery/promotable"]
    assert promotable == ("failure", f"whether it can be promoted {FORBIDDEN}")
    section = tell.call_args.args[3]
    assert (section.state, section.reason, section.steps) == (state, f"{word}what the run did {FORBIDDEN}", [])


@pytest.mark.parametrize("changed", [{"AFTER_MERGE": "true"}, {"ENVIRONMENT": "tests"}])
def test_who_never_tells_whether_it_can_be_promoted_does_not_then(reporter: Reporter, changed: dict[str, str]) -> None:
    reporter.lists.refuses("/taskruns?", "taskruns.tekton.dev is forbidden")
    reporter.forge.pulls()
    reporter.run("Succeeded", **changed)
    assert (SHA, "tekton-delivery/promotable") not in reporter.forge.statuses
