"""What a forge could not be told when a run ended: it fails no run, and is told later, once, unless something newer was."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.credential import FORGE_TOKEN
from components.tasks import git, moved, report
from components.tasks.forge import Api
from components.telling import TellingArgs, job
from steps.inputs import variables
from steps.retell import Inputs
from tests.steps.report import Reporter, step, task_run
from tests.steps.server import AT, HANG_UP, SHA, TOKEN, Forge
from tests.steps.test_comment import at, section
from tests.steps.test_comments import settled
from tests.steps.thread import ME, Thread
from tests.tasks.scripts.conftest import Result

__all__ = ["settled"]

RUN = at("20261122184131")
STAGED = task_run("True", step("stage", 0), reason="serves", promotable="yes", image="r.example/shop@sha256:" + "6" * 64)
ENVIRONMENT, PROMOTABLE = (SHA, "tekton-delivery/staging"), (SHA, "tekton-delivery/promotable")


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def reported(reporter: Reporter, runs: list[dict[str, Any]], **changed: str) -> tuple[Result, Any]:
    """Run the step report; what it leaves to be told."""
    file = reporter.sandbox.root / "untold"
    file.unlink(missing_ok=True)
    env = {
        "RESULT_UNTOLD_PATH": str(file),
        "COMMENT_RIGHTS": "{}",
        "PARAM_RUN": RUN,
        "PARAM_PULL_REQUEST": "12",
        "PARAM_APPLICATION": "shop",
        "PARAM_ENVIRONMENT_URL": "",
        "RUN_AGAIN": "To run it again: push {application} of {pullRequest}.",
    }
    result = reporter.report(runs, **{"status": "Succeeded"} | env | changed)
    return result, json.loads(file.read_text()) if file.exists() else None


@pytest.mark.parametrize("failing", [HANG_UP, 429, 500, 503])
def test_a_forge_that_is_down_fails_no_run_and_what_is_untold_is_left(reporter: Reporter, failing: int) -> None:
    reporter.forge.says("/", {}, failing)
    result, left = reported(reporter, [STAGED])
    assert result.code == 0, result.err
    assert left == {"what": ["comment", "promotable", "staging"], "me": None}
    assert "told later: comment, promotable, staging" in result.err
    assert {call.path for call in reporter.forge.calls} == {f"{AT}/statuses/{SHA}"}, "and is not asked for the rest"


def test_a_forge_that_gives_no_token_now_leaves_all_of_it(reporter: Reporter) -> None:
    reporter.forge.says("/access_tokens", {}, 503)
    app = {"APP_ID": "1", "APP_INSTALLATION": "2", "APP_KEY_FILE": str(key(reporter)), "APP_RIGHTS": "{}", "TOKEN_FILE": ""}
    app["APP_INSTALLATIONS"] = ""
    result, left = reported(reporter, [STAGED], **app)
    assert result.code == 0, result.err
    assert left["what"] == ["comment", "deployment", "heads", "promotable", "staging"]


def key(reporter: Reporter) -> Any:
    reporter.sandbox.stub("openssl", "printf signature")
    return reporter.sandbox.file("key", "key")


def test_only_what_is_untold_is_left(reporter: Reporter) -> None:
    thread = Thread(reporter.forge)
    thread.refuses = 503
    result, left = reported(reporter, [STAGED])
    assert result.code == 0, result.err
    assert left == {"what": ["comment"], "me": ME}
    assert reporter.forge.status == ("success", "serves")


def test_nothing_is_left_of_what_was_told(reporter: Reporter) -> None:
    thread = Thread(reporter.forge)
    result, left = reported(reporter, [STAGED])
    assert (result.code, left) == (0, None)
    (mine,) = thread.mine
    assert "### staging: done" in mine
    assert f"| digest | `sha256:{'6' * 64}` |" in mine
    assert "| stage |" in mine


def test_a_refusal_for_good_is_left_too_and_fails_the_run(reporter: Reporter) -> None:
    """Once somebody has mended the token it is told."""
    reporter.forge.says("/statuses/", {}, 401)
    result, left = reported(reporter, [STAGED])
    assert result.code != 0
    assert left["what"] == ["promotable", "staging"]


def test_open_pull_requests_that_cannot_be_told_are_left(reporter: Reporter) -> None:
    Thread(reporter.forge)
    reporter.forge.says("/pulls?", {}, 503)
    result, left = reported(reporter, [task_run("True", reason="serves")], AFTER_MERGE="true")
    assert (result.code, left["what"]) == (0, ["heads"])


# --- later ---


def tasks(forge: Forge, token: str, *, after_merge: bool = False, deployments: bool = False) -> list[dict[str, str]]:
    """The job's variables, as the component declares them."""
    api = Api(url=forge.api, credential=FORGE_TOKEN, comments=True, deployments=deployments)
    specs = {
        report.NAME: report.spec(environment="staging", api=api, again="", after_merge=after_merge),
        moved.NAME: moved.spec(git.SSH, environment="staging", api=api),
    }
    made = job(TellingArgs(environment="staging", namespace="staging-ci", tools_image="", reports=specs), {})
    (container,) = made["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    found: list[dict[str, str]] = container["env"]
    for variable in found:
        variable["value"] = variable["value"].replace("/credentials/forge/token", token)
    return found


def last(what: list[str], minutes: float = 30, **changed: Any) -> dict[str, Any]:
    """The TaskRun of a report that could not tell all."""
    params = {
        "repository": "acme/shop",
        "head-sha": SHA,
        "run": RUN,
        "status": "Succeeded",
        "base-branch": "main",
        "context-suffix": "",
        "application": "shop",
        "pull-request": "12",
        "environment-url": "",
    }
    made = task_run("True", account="reporter", untold=json.dumps({"what": what, "me": ME}))
    made["metadata"] = {"name": f"{RUN}-report", "labels": {"tekton.dev/pipelineTask": "report"}}
    made["spec"]["params"] = [{"name": name, "value": value} for name, value in params.items()]
    made["status"]["startTime"] = ago(minutes)
    return made | changed


def retold(reporter: Reporter, ended: list[dict[str, Any]], runs: Any = (STAGED,), **more: bool) -> Result:
    reporter.lists.has("taskruns", ended)
    reporter.lists.says(f"pipelineRun%3D{RUN}", {"items": list(runs), "metadata": {}})
    token = str(reporter.sandbox.file("token", TOKEN))
    given = {each["name"]: each["value"] for each in tasks(reporter.forge, token, **more)}
    assert {*given, "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HOME"} == {*variables(Inputs), "HOME"}
    return reporter.sandbox.step("retell", **given | reporter.lists.env)


def test_what_was_untold_is_told(reporter: Reporter) -> None:
    thread = Thread(reporter.forge)
    reporter.forge.says("/statuses?", [])
    result = retold(reporter, [last(["comment", "promotable", "staging"])])
    assert result.code == 0, result.err
    assert reporter.forge.statuses[ENVIRONMENT] == ("success", "serves")
    assert reporter.forge.statuses[PROMOTABLE][0] == "success"
    assert "### staging: done" in thread.mine[0]
    assert {call.bearer for call in reporter.forge.calls} == {TOKEN}


def test_it_is_told_once(reporter: Reporter) -> None:
    thread = Thread(reporter.forge)
    known = [
        {"context": f"tekton-delivery/{name}", "state": "success", "created_at": ago(1)}
        for name in ("staging", "promotable")
    ]
    reporter.forge.says("/statuses?", [])
    retold(reporter, [last(["comment", "promotable", "staging"])])
    reporter.forge.calls.clear()
    reporter.forge.says("/statuses?", known)
    assert retold(reporter, [last(["comment", "promotable", "staging"])]).code == 0
    assert reporter.forge.statuses == {}
    assert thread.written == []


@pytest.mark.parametrize(("minutes", "is_told"), [(29.0, False), (31.0, True)], ids=["since", "before"])
def test_what_was_set_since_is_not_overwritten(reporter: Reporter, minutes: float, is_told: bool) -> None:
    Thread(reporter.forge)
    newer = {"context": "tekton-delivery/staging", "state": "pending", "created_at": ago(minutes)}
    reporter.forge.says("/statuses?", [newer])
    retold(reporter, [last(["staging"])])
    assert (ENVIRONMENT in reporter.forge.statuses) == is_told
    assert PROMOTABLE not in reporter.forge.statuses, "which was told"


def test_a_section_of_a_later_run_stays(reporter: Reporter) -> None:
    thread = Thread(reporter.forge)
    from steps.comment import with_section

    later = with_section("", section(run=at("20261122190000"), reason="later"))
    thread.add(ME, later)
    assert retold(reporter, [last(["comment"])]).code == 0
    assert thread.mine == [later]


def test_a_branch_that_moved_while_it_was_staged_stays_told(reporter: Reporter) -> None:
    Thread(reporter.forge)
    looked = step("stage", 0)
    looked["terminated"]["startedAt"] = ago(50)
    staged = task_run("True", looked, reason="serves", promotable="yes")
    moved = {"context": "tekton-delivery/promotable", "state": "failure", "created_at": ago(40)}
    reporter.forge.says("/statuses?", [moved])
    retold(reporter, [last(["promotable"])], [staged])
    assert reporter.forge.statuses[PROMOTABLE] == ("failure", "main has moved: update the branch")


def test_open_pull_requests_that_know_better_stay_as_they_are(reporter: Reporter) -> None:
    Thread(reporter.forge)
    stale, fresh = "a" * 40, "b" * 40
    reporter.forge.pulls([{"head": {"sha": sha}, "base": {"ref": "main"}, "number": 5} for sha in (stale, fresh)])
    reporter.forge.says("/statuses?", [])
    green = {"context": "tekton-delivery/promotable", "state": "success", "created_at": ago(5)}
    reporter.forge.says(f"/commits/{fresh}/statuses?", [green])
    retold(reporter, [last(["heads"])], [task_run("True", reason="serves")], after_merge=True)
    assert set(reporter.forge.statuses) == {(stale, "tekton-delivery/promotable")}


def test_a_forge_that_is_still_down_is_asked_again_another_time(reporter: Reporter) -> None:
    reporter.forge.says("/", {}, HANG_UP)
    result = retold(reporter, [last(["staging"])])
    assert result.code == 0, result.err
    assert reporter.forge.calls


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param([last(["staging"], minutes=60 * 25)], id="long ago"),
        pytest.param([last(["staging"]) | {"spec": last([])["spec"] | {"serviceAccountName": "untrusted"}}], id="untrusted"),
        pytest.param([task_run("True", account="reporter")], id="told"),
        pytest.param([last([])], id="nothing"),
    ],
)
def test_what_is_old_or_somebody_elses_word_is_not_told(reporter: Reporter, ended: list[dict[str, Any]]) -> None:
    Thread(reporter.forge)
    assert retold(reporter, ended).code == 0
    assert reporter.forge.statuses == {}


@pytest.mark.parametrize("said", ["", "{", "[]", '{"what": 1, "me": 1}', '{"what": ["staging"]}'])
def test_a_word_that_is_none_keeps_no_other_back(reporter: Reporter, said: str) -> None:
    Thread(reporter.forge)
    reporter.forge.says("/statuses?", [])
    broken = last(["staging"], minutes=40)
    broken["status"]["results"] = [{"name": "untold", "value": said}]
    result = retold(reporter, [broken, last(["staging"])])
    assert result.code == 0, result.err
    assert reporter.forge.statuses[ENVIRONMENT] == ("success", "serves")


def test_runs_that_cannot_be_listed_fail_the_job(reporter: Reporter) -> None:
    reporter.lists.refuses("/taskruns", "forbidden")
    token = str(reporter.sandbox.file("token", TOKEN))
    given = {each["name"]: each["value"] for each in tasks(reporter.forge, token)}
    result = reporter.sandbox.step("retell", **given | reporter.lists.env)
    assert result.code != 0
    assert "forbidden" in result.err
