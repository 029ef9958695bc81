"""report.sh: one status for a run, with the reason of a failure, and a token that nobody sees."""

import json
import shutil
from typing import Any

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]

SHA = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "token-of-the-forge"


def step(name: str, code: int) -> dict[str, Any]:
    return {"name": name, "terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}


def task_run(status: str, *steps: dict[str, Any], message: str = "") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Succeeded", "status": status, "message": message}], "steps": list(steps)}}


def report(
    sandbox: Sandbox,
    runs: list[dict[str, Any]],
    status: str = "Failed",
    curl: str = "",
    kubectl: str = "cat",
    **changed: str,
) -> Result:
    sandbox.stub("kubectl", f"{kubectl} '{sandbox.file('runs.json', json.dumps({'items': runs}))}'")
    sandbox.stub("jq", f"exec '{shutil.which('jq')}' \"$@\"")
    sandbox.stub("curl", f"cat >'{sandbox.root}/config'\n{curl}")
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_HEAD_SHA": SHA,
        "PARAM_STATUS": status,
        "PARAM_RUN": "shop-staging-7",
        "NAMESPACE": "staging-ci",
        "ENVIRONMENT": "staging",
        "API_URL": "http://forge.internal:3000/api/v1",
        "TOKEN_FILE": str(sandbox.file("token", TOKEN)),
    }
    return sandbox.run("report", **env | changed)


def sent(sandbox: Sandbox) -> dict[str, str]:
    """The body of the request."""
    (call,) = sandbox.called("curl")
    body: dict[str, str] = json.loads(call[call.index("--data") + 1])
    return body


@pytest.mark.parametrize("status", ["Succeeded", "Completed"])
def test_a_run_that_succeeded_is_a_success(sandbox: Sandbox, status: str) -> None:
    result = report(sandbox, [task_run("True", step("fetch", 0))], status)
    assert result.code == 0, result.err
    assert sent(sandbox) == {
        "state": "success",
        "context": "tekton-delivery/staging",
        "description": "shop-staging-7: serves on staging",
    }


def test_the_status_is_about_the_head_commit(sandbox: Sandbox) -> None:
    report(sandbox, [], "Succeeded")
    (call,) = sandbox.called("curl")
    assert call[-1] == f"http://forge.internal:3000/api/v1/repos/acme/shop/statuses/{SHA}"


@pytest.mark.parametrize("status", ["None", "anything else"])
def test_everything_but_success_is_a_failure(sandbox: Sandbox, status: str) -> None:
    report(sandbox, [task_run("False", message="gone")], status)
    assert sent(sandbox)["state"] == "failure"


def test_the_failing_step_is_named(sandbox: Sandbox) -> None:
    """Steps before it ended with 0, and Tekton gives the ones after it a code that is not theirs."""
    runs = [task_run("Unknown"), task_run("False", step("fetch", 0), step("test", 3), step("image", 1))]
    report(sandbox, runs)
    assert sent(sandbox)["description"] == "shop-staging-7: step test failed (exit code 3)"


def test_only_the_failed_task_is_looked_at(sandbox: Sandbox) -> None:
    runs = [task_run("True", step("fetch", 0)), task_run("False", step("copy", 0), step("deploy", 1))]
    report(sandbox, runs)
    assert sent(sandbox)["description"] == "shop-staging-7: step deploy failed (exit code 1)"


def test_a_failure_outside_of_steps_says_why(sandbox: Sandbox) -> None:
    report(sandbox, [task_run("False", message='TaskRun "x" failed to finish within "20m0s"')])
    assert sent(sandbox)["description"] == 'shop-staging-7: TaskRun "x" failed to finish within "20m0s"'


@pytest.mark.parametrize("runs", [[], [{}, {"status": {}}, {"status": {"conditions": []}}, task_run("Unknown")]])
def test_a_failure_without_any_trace_is_still_reported(sandbox: Sandbox, runs: list[dict[str, Any]]) -> None:
    result = report(sandbox, runs)
    assert result.code == 0, result.err
    assert sent(sandbox) == {
        "state": "failure",
        "context": "tekton-delivery/staging",
        "description": "shop-staging-7: failed",
    }


@pytest.mark.parametrize("text", [" ".join(HOSTILE), "one\nline\r\nonly\x1b[31m", "ü" * 300])
def test_any_message_becomes_one_short_line(sandbox: Sandbox, text: str) -> None:
    """GitHub refuses a description of more than 140 characters."""
    result = report(sandbox, [task_run("False", message=text)])
    assert result.code == 0, result.err
    description = sent(sandbox)["description"]
    assert len(description) <= 140
    assert description.isprintable()
    assert description.startswith(f"shop-staging-7: {text[:3]}")


def test_a_reason_that_cannot_be_had_does_not_keep_the_status_back(sandbox: Sandbox) -> None:
    result = report(sandbox, [], kubectl="false")
    assert result.code == 0, result.err
    assert sent(sandbox)["state"] == "failure"


def test_the_runs_of_this_pipeline_run_are_asked_for(sandbox: Sandbox) -> None:
    report(sandbox, [])
    (call,) = sandbox.called("kubectl")
    assert call[call.index("--namespace") + 1] == "staging-ci"
    assert call[call.index("--selector") + 1] == "tekton.dev/pipelineRun=shop-staging-7"


def test_the_token_is_on_no_command_line_and_in_no_output(sandbox: Sandbox) -> None:
    result = report(sandbox, [task_run("False", step("test", 1))])
    assert (sandbox.root / "config").read_text() == f'header = "Authorization: Bearer {TOKEN}"\n'
    assert {call[0] for call in sandbox.calls} == {"kubectl", "jq", "curl"}
    assert TOKEN not in json.dumps(sandbox.calls)
    assert TOKEN not in result.out + result.err


def test_a_newline_at_the_end_of_the_token_file_does_not_matter(sandbox: Sandbox) -> None:
    report(sandbox, [], "Succeeded", TOKEN_FILE=str(sandbox.file("other", "other\n")))
    assert (sandbox.root / "config").read_text() == 'header = "Authorization: Bearer other"\n'


def test_a_forge_that_refuses_fails_the_step(sandbox: Sandbox) -> None:
    result = report(sandbox, [], "Succeeded", curl="echo 'curl: (22) 401' >&2; exit 22")
    assert result.code != 0
    assert "401" in result.err


def test_nothing_is_left_on_the_machine(sandbox: Sandbox) -> None:
    """A step shares folders with others; the request's body is no file that one could meddle with."""
    report(sandbox, [], "Succeeded")
    assert list(sandbox.work.iterdir()) == []
    (call,) = sandbox.called("curl")
    assert not [argument for argument in call if argument.startswith("@")]
