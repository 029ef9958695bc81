"""kept.sh: which images the environment needs, whatever a rejected pull request left."""

import json
from typing import Any

from tests.tasks.scripts.conftest import Result, Sandbox, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.test_clean import IMAGE, A, B, C

pytestmark = [needs_jq, in_the_tools_images_shell]


def note(image: str, pull_request: str | None) -> dict[str, Any]:
    return {"image": f"{IMAGE}@{image}", "pullRequest": pull_request}


def kept(sandbox: Sandbox, deployment: Any) -> tuple[Result, str]:
    answer = sandbox.file("deployment.json", json.dumps(deployment))
    sandbox.stub("kubectl", f"cat '{answer}'" if deployment else "echo 'connection refused' >&2; exit 1")
    told = sandbox.root / "told.json"
    env = {"PARAM_PULL_REQUEST": "7", "PARAM_DEPLOYMENT": "shop-pod", "NAMESPACE": "staging", "KEPT": str(told)}
    result = sandbox.run("kept", **env)
    return result, told.read_text() if told.exists() else ""


def test_what_runs_what_comes_back_and_what_others_left_in_the_history_is_needed(sandbox: Sandbox) -> None:
    deployment = {
        "metadata": {
            "annotations": {
                "tekton-delivery/before": json.dumps([note(B, None), {"image": None, "pullRequest": None}]),
                "tekton-delivery/history": json.dumps([note(C, "6"), note("sha256:" + "d" * 64, "7")]),
            }
        },
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}@{A}"}, {"image": "by-tag:1"}]}}},
    }
    result, told = kept(sandbox, deployment)
    assert result.code == 0, result.err
    assert json.loads(told) == [A, B, C]
    assert sandbox.called("kubectl") == [["--namespace", "staging", "get", "deployment/shop-pod", "--output", "json"]]


SPEC = {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}@{A}"}]}}}


def test_a_deployment_that_nothing_was_delivered_to_needs_what_it_runs(sandbox: Sandbox) -> None:
    assert json.loads(kept(sandbox, {"metadata": {}, "spec": SPEC})[1]) == [A]


def test_where_the_cluster_does_not_answer_nothing_is_written_down(sandbox: Sandbox) -> None:
    result, told = kept(sandbox, None)
    assert (result.code, told) == (0, "")


def test_a_record_that_cannot_be_read_fails_no_way_back(sandbox: Sandbox) -> None:
    for history in ("[1,]", "[5]"):
        result, told = kept(sandbox, {"metadata": {"annotations": {"tekton-delivery/history": history}}, "spec": SPEC})
        assert (result.code, told, "nothing is deleted" in result.out) == (0, "", True), result.err
