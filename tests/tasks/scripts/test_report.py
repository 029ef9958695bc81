"""report.sh: one status for a run, with the reason of a failure, and a token that nobody sees."""

import json
import shutil
from typing import Any

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]

SHA = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "token-of-the-forge"
API = "http://forge.internal:3000/api/v1/repos/acme/shop"

CURL = """
cat >'{root}/config'
for url; do :; done
case $url in
*/pulls*) cat "{root}/pulls-${{url##*page=}}.json" 2>/dev/null || echo '[]' ;;
esac
{body}
"""


def step(name: str, code: int) -> dict[str, Any]:
    return {"name": name, "terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}


def task_run(
    status: str, *steps: dict[str, Any], message: str = "", account: str = "deployer", **results: str
) -> dict[str, Any]:
    return {
        "spec": {"serviceAccountName": account},
        "status": {
            "conditions": [{"type": "Succeeded", "status": status, "message": message}],
            "steps": list(steps),
            "results": [{"name": name, "value": value} for name, value in results.items()],
        },
    }


def report(
    sandbox: Sandbox,
    runs: list[dict[str, Any]],
    status: str = "Failed",
    *,
    curl: str = "",
    kubectl: str = "cat",
    pulls: tuple[list[dict[str, Any]], ...] = (),
    **changed: str,
) -> Result:
    for number, page in enumerate(pulls, 1):
        sandbox.file(f"pulls-{number}.json", json.dumps(page))
    sandbox.stub("kubectl", f"{kubectl} '{sandbox.file('runs.json', json.dumps({'items': runs}))}'")
    sandbox.stub("jq", f"exec '{shutil.which('jq')}' \"$@\"")
    sandbox.stub("curl", CURL.format(root=sandbox.root, body=curl))
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_HEAD_SHA": SHA,
        "PARAM_STATUS": status,
        "PARAM_RUN": "shop-staging-7",
        "PARAM_BASE_BRANCH": "main",
        "NAMESPACE": "staging-ci",
        "ENVIRONMENT": "staging",
        "CONTEXT_SUFFIX": "",
        "API_URL": "http://forge.internal:3000/api/v1",
        "AFTER_MERGE": "false",
        "UNTRUSTED_ACCOUNT": "untrusted",
        "TOKEN_FILE": str(sandbox.file("token", f"{TOKEN}\n")),
    }
    return sandbox.run("report", **env | changed)


def statuses(sandbox: Sandbox) -> dict[tuple[str, str], tuple[str, str]]:
    """What the forge was told: commit and context to state and description."""
    told = {}
    for call in sandbox.called("curl"):
        if "--data" in call:
            body = json.loads(call[call.index("--data") + 1])
            assert body.keys() == {"state", "context", "description"}
            assert call[-1].startswith(f"{API}/statuses/")
            told[call[-1].rsplit("/", 1)[1], body["context"]] = (body["state"], body["description"])
    return told


def status(sandbox: Sandbox) -> tuple[str, str]:
    """The status of the run's own commit in its environment."""
    return statuses(sandbox)[SHA, "tekton-delivery/staging"]


@pytest.mark.parametrize("aggregate", ["Succeeded", "Completed"])
def test_a_run_that_succeeded_says_how_it_ended(sandbox: Sandbox, aggregate: str) -> None:
    result = report(sandbox, [task_run("True", step("fetch", 0)), task_run("True", reason="serves")], aggregate)
    assert result.code == 0, result.err
    assert statuses(sandbox) == {(SHA, "tekton-delivery/staging"): ("success", "serves")}


def test_everything_but_success_is_a_failure(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("False", message="gone")], "anything else")
    assert status(sandbox)[0] == "failure"


def test_the_failing_step_is_named(sandbox: Sandbox) -> None:
    """Steps before it ended with 0, and Tekton gives the ones after it a code that is not theirs."""
    runs = [
        task_run("True", step("supersede", 0)),
        task_run("Unknown"),
        task_run("False", step("fetch", 0), step("test", 3), step("image", 1)),
    ]
    report(sandbox, runs)
    assert status(sandbox) == ("failure", "shop-staging-7: step test failed (exit code 3)")


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
            "step test failed (exit code 3); the service db had ended (exit code 137)",
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
        (with_services(step="test", reason="TaskRunTimeout"), "step test did not end within 20m0s"),
    ],
    ids=[
        "not ready", "ended before it was ready", "ended during the tests", "ended well", "ended, and the tests passed",
        "ended by Tekton", "no image", "no container", "timeout",
    ],
)  # fmt: skip
def test_what_became_of_services_is_told(sandbox: Sandbox, run: dict[str, Any], expected: str) -> None:
    report(sandbox, [task_run("True", step("supersede", 0)), run])
    assert status(sandbox) == ("failure", f"shop-staging-7: {expected}")


def test_a_reason_that_a_step_gives_says_more_than_its_name(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("False", step("deploy", 1), reason="was not ready within 60s")])
    assert status(sandbox) == ("failure", "was not ready within 60s")


def test_what_people_hold_back_is_pending(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("False", step("deploy", 1), reason="queued: staging is held by ana: by hand")])
    assert status(sandbox) == ("pending", "queued: staging is held by ana: by hand")


def test_a_failure_outside_of_steps_says_why(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("False", message='TaskRun "x" failed to finish within "20m0s"')])
    assert status(sandbox)[1] == 'shop-staging-7: TaskRun "x" failed to finish within "20m0s"'


def test_a_failure_without_any_trace_is_still_reported(sandbox: Sandbox) -> None:
    result = report(sandbox, [{}, {"status": {}}, {"status": {"conditions": []}}, task_run("Unknown")])
    assert result.code == 0, result.err
    assert status(sandbox) == ("failure", "shop-staging-7: failed")


def test_a_reason_that_cannot_be_had_does_not_keep_the_status_back(sandbox: Sandbox) -> None:
    result = report(sandbox, [], kubectl="false")
    assert result.code == 0, result.err
    assert status(sandbox)[0] == "failure"


@pytest.mark.parametrize("given", ["message", "reason"])
def test_any_text_becomes_one_short_line(sandbox: Sandbox, given: str) -> None:
    """GitHub refuses a description of more than 140 characters."""
    text = "one\nline\r\nonly\x1b[31m " + " ".join(HOSTILE) + "ü" * 300
    result = report(sandbox, [task_run("False", **{given: text})])
    assert result.code == 0, result.err
    description = status(sandbox)[1]
    assert len(description) <= 140
    assert description.isprintable()
    assert description.removeprefix("shop-staging-7: ").startswith(f"one line  only [31m {HOSTILE[0]} {HOSTILE[1]}")


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


def test_the_runs_of_this_pipeline_run_are_asked_for(sandbox: Sandbox) -> None:
    report(sandbox, [])
    (call,) = sandbox.called("kubectl")
    assert call[call.index("--namespace") + 1] == "staging-ci"
    assert call[call.index("--selector") + 1] == "tekton.dev/pipelineRun=shop-staging-7"


def test_the_token_is_on_no_command_line_and_in_no_output(sandbox: Sandbox) -> None:
    result = report(sandbox, [task_run("True", reason="serves", promotable="yes")], "Succeeded", AFTER_MERGE="true")
    assert (sandbox.root / "config").read_text() == f'header = "Authorization: Bearer {TOKEN}"\n'
    assert {call[0] for call in sandbox.calls} == {"kubectl", "jq", "curl"}
    assert TOKEN not in json.dumps(sandbox.calls)
    assert TOKEN not in result.out + result.err


def test_a_forge_that_refuses_fails_the_step(sandbox: Sandbox) -> None:
    result = report(sandbox, [], "Succeeded", curl="echo 'curl: (22) 401' >&2; exit 22")
    assert result.code != 0
    assert "401" in result.err


def test_a_request_is_no_file_that_another_step_could_meddle_with(sandbox: Sandbox) -> None:
    report(sandbox, [], "Succeeded")
    assert list(sandbox.work.iterdir()) == []
    (call,) = sandbox.called("curl")
    assert not [argument for argument in call if argument.startswith("@")]
