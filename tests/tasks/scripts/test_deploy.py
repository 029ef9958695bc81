"""deploy.sh: one at a time, never an older merge over a newer one, and what does not get ready is taken back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, git, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.kube import Cluster, deployment, lease

pytestmark = [needs_jq, in_the_tools_images_shell]

OLD = "registry.internal:5000/shop@sha256:" + "a" * 64
NEW = "registry.internal:5000/shop@sha256:" + "b" * 64
SHA = "0123456789abcdef0123456789abcdef01234567"
OLD_NOTES = {"tekton-delivery/commit": "c" * 40, "tekton-delivery/pull-request": "6", "mine": "stays"}


@pytest.fixture
def cluster(sandbox: Sandbox) -> Cluster:
    return Cluster(sandbox, image=OLD, notes=OLD_NOTES)


def deploy(sandbox: Sandbox, **changed: str | Path) -> Result:
    sandbox.file("image", NEW)
    env: dict[str, str | Path] = {
        "MARK_PATH": "",
        "APPROVED_BY_PATH": "",
        "PARAM_HEAD_SHA": SHA,
        "PARAM_PULL_REQUEST": "7",
        "PARAM_MERGE_SHA": "",
        "PARAM_MERGED_BY": "",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_CONTAINER": "app",
        "PARAM_TIMEOUT": "60s",
        "ROLLOUT_SECONDS": "60",
        "NAMESPACE": "staging",
        "RUN": "run-1",
        "PARAM_SMOKE_URL": "",
        "PARAM_SMOKE_STATUS": "200",
        "PARAM_SMOKE_CONTAINS": "",
        "PARAM_SMOKE_SECONDS": "0",
        "FIELD_MANAGER": "tekton-delivery",
        "HISTORY": sandbox.root / "history",
        "SCRATCH": sandbox.root,
        "RESULT_IMAGE_PATH": sandbox.root / "image",
        "RESULT_REASON_PATH": sandbox.root / "reason",
    }
    return sandbox.run("deploy", **env | changed)


def reason(sandbox: Sandbox) -> str:
    text = (sandbox.root / "reason").read_bytes().decode()
    assert "\n" not in text
    return text


def test_the_image_is_rolled_out_and_waited_for_one_at_a_time(sandbox: Sandbox, cluster: Cluster) -> None:
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert cluster.image == NEW
    assert reason(sandbox) == f"serves on staging: sha256:{'b' * 64}"
    verbs = cluster.verbs()
    assert verbs[:6] == [
        "get lease",
        "replace --field-manager",
        "get deployment/shop-pod",
        "get configmap",
        "patch deployment/shop-pod",
        "rollout status",
    ]
    assert sorted(verbs[6:]) == ["get lease", "replace --field-manager"], "the Lease is given back"
    assert cluster.holder is None
    calls = sandbox.called("kubectl")
    assert {tuple(call[:2]) for call in calls} == {("--namespace", "staging")}
    (wait,) = [call for call in calls if "rollout" in call]
    assert wait[wait.index("--timeout") + 1] == "60s"
    # Under this field manager Pulumi leaves the image alone.
    for call in calls:
        if call[2] in ("patch", "replace"):
            assert call[call.index("--field-manager") + 1] == "tekton-delivery"


def test_what_serves_and_the_last_five_before_it_are_noted(sandbox: Sandbox) -> None:
    history = [{"image": f"old-{number}", "commit": None, "pullRequest": str(number)} for number in range(5)]
    cluster = Cluster(sandbox, image=OLD, notes=OLD_NOTES | {"tekton-delivery/before": json.dumps(history)})
    approved = sandbox.file("approved", json.dumps(["bob"]))
    mark = sandbox.file("mark", json.dumps({"tree": "e" * 40}))
    deploy(
        sandbox,
        PARAM_MERGE_SHA="d" * 40,
        PARAM_MERGED_BY="alice",
        HISTORY="/nowhere",
        MARK_PATH=mark,
        APPROVED_BY_PATH=approved,
    )
    notes = cluster.notes
    at = notes.pop("delivered-at")
    assert at.endswith("Z")
    assert json.loads(notes.pop("history")) == [
        {
            "image": NEW,
            "commit": SHA,
            "pullRequest": "7",
            "mergeCommit": "d" * 40,
            "mergedBy": "alice",
            "run": "run-1",
            "at": at,
            "mark": {"tree": "e" * 40},
            "approvedBy": ["bob"],
        }
    ]
    assert json.loads(notes.pop("before")) == [*history[1:], {"image": OLD, "commit": "c" * 40, "pullRequest": "6"}]
    assert notes == {
        "commit": SHA,
        "pull-request": "7",
        "digest": "sha256:" + "b" * 64,
        "merge-commit": "d" * 40,
        "merged-by": "alice",
        "run": "run-1",
        "mine": "stays",
    }


def test_an_update_of_the_same_pull_request_remembers_nothing_new(sandbox: Sandbox) -> None:
    cluster = Cluster(sandbox, image=OLD, notes={"tekton-delivery/pull-request": "7", "tekton-delivery/before": "[]"})
    deploy(sandbox)
    assert cluster.notes["before"] == "[]"
    assert cluster.notes["commit"] == SHA


def test_the_record_keeps_the_last_twenty(sandbox: Sandbox) -> None:
    served = [{"image": f"old-{number}"} for number in range(20)]
    cluster = Cluster(sandbox, image=OLD, notes={"tekton-delivery/history": json.dumps(served)})
    deploy(sandbox)
    history = json.loads(cluster.notes["history"])
    assert history[:-1] == served[1:]
    assert history[-1]["image"] == NEW


def test_an_image_that_never_gets_ready_is_taken_back_with_its_notes(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,))
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.image == OLD
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s; restored sha256:{'a' * 64}"


def test_a_way_back_that_does_not_get_ready_either_is_told_as_well(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW, OLD))
    assert deploy(sandbox).code != 0
    expected = f"sha256:{'b' * 64} was not ready within 60s, and restoring sha256:{'a' * 64} failed as well"
    assert reason(sandbox) == expected


def test_a_way_back_that_is_refused_is_told_as_well(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,), refused=(OLD,))
    result = deploy(sandbox)
    assert result.code != 0
    assert reason(sandbox).endswith("failed as well")
    assert "denied the request" in result.err + result.out


def test_the_same_image_again_has_nothing_to_go_back_to(sandbox: Sandbox) -> None:
    cluster = Cluster(sandbox, image=NEW, notes=OLD_NOTES)
    cluster.behave(broken=(NEW,))
    assert deploy(sandbox).code != 0
    assert cluster.verbs().count("rollout status") == 1
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s"
    assert cluster.get("live.json")["metadata"]["annotations"] == OLD_NOTES


def test_what_somebody_else_rolled_out_meanwhile_is_not_taken_back(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,))
    cluster.put("after-rollout", deployment("somebody-elses", {"theirs": "new"}, version=9))
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.image == "somebody-elses"
    assert cluster.notes == {"theirs": "new"}
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s; something else has been rolled out meanwhile"


def test_a_refused_change_changes_nothing_and_says_why(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(refused=(NEW,))
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.get("live.json") == deployment(OLD, OLD_NOTES)
    assert "denied the request" in result.err
    assert cluster.holder is None


def test_a_change_of_somebody_else_meanwhile_is_kept(sandbox: Sandbox, cluster: Cluster) -> None:
    """The patch names the version it was made for; a newer one is read again first."""
    cluster.put("after-get", deployment(OLD, OLD_NOTES | {"theirs": "new"}, version=2))
    assert deploy(sandbox).code == 0
    assert cluster.image == NEW
    assert cluster.notes["theirs"] == "new"
    assert cluster.verbs().count("patch deployment/shop-pod") == 2


def test_a_deployment_that_is_not_there_fails(sandbox: Sandbox, cluster: Cluster) -> None:
    (sandbox.root / "live.json").unlink()
    result = deploy(sandbox)
    assert result.code != 0
    assert "not found" in result.err
    assert cluster.holder is None


def test_a_lease_that_somebody_took_first_is_asked_for_again(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("after-lease", {"metadata": {"resourceVersion": "2"}, "spec": {}})
    assert deploy(sandbox).code == 0
    assert cluster.image == NEW


def test_another_deploy_is_waited_for(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("lease.json", lease("another", age=1))
    cluster.put("after-lease", {"metadata": {"resourceVersion": "8"}, "spec": {}})
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting for another deploy of shop-pod to end" in result.out
    assert cluster.image == NEW


def test_a_holder_that_died_blocks_nobody_for_long(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("lease.json", lease("dead", age=151))
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert "waiting" not in result.out


def test_a_lease_that_cannot_be_read_ends_the_step_instead_of_waiting_for_ever(sandbox: Sandbox, cluster: Cluster) -> None:
    (sandbox.root / "lease.json").unlink()
    result = deploy(sandbox)
    assert result.code != 0
    assert "is forbidden" in result.err
    assert cluster.image == OLD


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A repository with two merges on one branch, and one on another."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "--quiet", "--initial-branch=base")
    commits = {"path": str(folder)}
    for name in ("first", "second"):
        git(folder, "commit", "--quiet", "--allow-empty", "--message", name)
        commits[name] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "--orphan", "other")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "other")
    commits["other"] = git(folder, "rev-parse", "HEAD")
    return commits


@pytest.mark.parametrize(
    ("running", "merged", "code", "image", "said"),
    [
        ("first", "second", 0, NEW, "serves on staging"),
        ("second", "first", 0, OLD, "superseded: what runs was merged later"),
        ("other", "first", 1, OLD, "was the branch rewritten?"),
    ],
)
def test_an_older_merge_never_replaces_a_newer_one(
    sandbox: Sandbox, history: dict[str, str], running: str, merged: str, code: int, image: str, said: str
) -> None:
    cluster = Cluster(sandbox, image=OLD, notes={"tekton-delivery/merge-commit": history[running]})
    result = deploy(sandbox, PARAM_MERGE_SHA=history[merged], PARAM_MERGED_BY="alice", HISTORY=history["path"])
    assert result.code == code, result.err
    assert cluster.image == image
    assert said in reason(sandbox)
    assert cluster.holder is None


ANA = {"by": "ana", "reason": "testing by hand", "since": "2026-11-22T12:00:00Z"}


def held(sandbox: Sandbox, **more: str) -> Cluster:
    return Cluster(sandbox, image=OLD, notes=OLD_NOTES | {"tekton-delivery/hold": json.dumps(ANA | more)})


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        ({}, "queued: staging is held by ana: testing by hand"),
        ({"pullRequest": "6"}, "queued: staging is held for #6 by ana: testing by hand"),
    ],
)
def test_what_people_hold_stays_and_the_delivery_is_queued(sandbox: Sandbox, hold: dict[str, str], said: str) -> None:
    """It fails, so that no later step vouches for what was not rolled out."""
    cluster = held(sandbox, **hold)
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD
    assert reason(sandbox) == said
    assert cluster.holder is None


def test_the_pull_request_that_an_environment_is_held_for_goes_on(sandbox: Sandbox) -> None:
    cluster = held(sandbox, pullRequest="7")
    assert deploy(sandbox).code == 0
    assert cluster.image == NEW
    assert json.loads(cluster.notes["hold"])["pullRequest"] == "7", "and stays held"


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        ({"metadata": {}, "data": {"frozen": json.dumps(ANA)}}, "queued: staging is frozen by ana: testing by hand"),
        (
            {"metadata": {"annotations": {"tekton-delivery/frozen": "stock-taking"}}},
            "queued: staging is frozen by its settings: stock-taking",
        ),
    ],
)
def test_nothing_is_rolled_out_in_a_frozen_environment(
    sandbox: Sandbox, cluster: Cluster, freeze: dict[str, Any], said: str
) -> None:
    cluster.put("freeze.json", freeze)
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD
    assert reason(sandbox) == said


def test_what_cannot_be_asked_counts_as_frozen(sandbox: Sandbox, cluster: Cluster) -> None:
    (sandbox.root / "freeze.json").unlink()
    result = deploy(sandbox)
    assert result.code != 0
    assert cluster.image == OLD
    assert "not found" in result.err


def test_a_hold_that_comes_between_reading_and_changing_is_seen(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.put("after-get", deployment(OLD, OLD_NOTES | {"tekton-delivery/hold": json.dumps(ANA)}, version=2))
    assert deploy(sandbox).code == 1
    assert cluster.image == OLD


def test_an_older_merge_is_not_queued(sandbox: Sandbox, history: dict[str, str]) -> None:
    cluster = held(sandbox)
    live = cluster.get("live.json")
    live["metadata"]["annotations"]["tekton-delivery/merge-commit"] = history["second"]
    cluster.put("live.json", live)
    result = deploy(sandbox, PARAM_MERGE_SHA=history["first"], PARAM_MERGED_BY="alice", HISTORY=history["path"])
    assert result.code == 0, result.err
    assert reason(sandbox) == "superseded: what runs was merged later"


SMOKE = {"PARAM_SMOKE_URL": "http://shop.staging.svc:80/version", "PARAM_SMOKE_CONTAINS": "version 2"}


def answering(sandbox: Sandbox, *answers: tuple[str, str]) -> None:
    """Let the application answer, with status and body: the last answer again and again."""
    for number, (status, body) in enumerate(answers):
        sandbox.file(f"status-{number}", status)
        sandbox.file(f"body-{number}", body)
    sandbox.file("asked", "0")
    sandbox.stub(
        "curl",
        f"""
cd '{sandbox.root}'
number=$(cat asked)
[ "$number" -ge {len(answers) - 1} ] || echo $((number + 1)) >asked
while [ "$1" != --output ]; do shift; done
cat "body-$number" >"$2"
cat "status-$number"
grep -q 000 "status-$number" && exit 7 || true""",
    )


def test_the_smoke_check_asks_what_the_settings_say(sandbox: Sandbox, cluster: Cluster) -> None:
    answering(sandbox, ("200", "this is version 2\n"))
    result = deploy(sandbox, **SMOKE)
    assert result.code == 0, result.err
    assert reason(sandbox).startswith("serves on staging")
    (call,) = sandbox.called("curl")
    assert call[-1] == SMOKE["PARAM_SMOKE_URL"]


def test_without_one_nothing_is_asked(sandbox: Sandbox, cluster: Cluster) -> None:
    answering(sandbox, ("500", ""))
    assert deploy(sandbox).code == 0
    assert sandbox.called("curl") == []


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        ("500", "version 2", "500 instead of 200"),
        ("200", "version 1", "an answer without 'version 2'"),
        ("000", "", "no answer instead of 200"),
    ],
)
def test_a_wrong_answer_brings_back_what_served_before(
    sandbox: Sandbox, cluster: Cluster, status: str, body: str, wrong: str
) -> None:
    answering(sandbox, (status, body))
    result = deploy(sandbox, **SMOKE)
    assert result.code == 1
    assert cluster.image == OLD
    assert cluster.notes["commit"] == "c" * 40
    assert reason(sandbox) == f"smoke check of sha256:{'b' * 64} got {wrong}; restored sha256:{'a' * 64}"
    assert cluster.verbs().count("rollout status") == 2, "that the former one serves is waited for"
    assert cluster.holder is None


def test_the_end_of_the_rollout_before_is_not_taken_for_this_ones(sandbox: Sandbox, cluster: Cluster) -> None:
    """Seen on a cluster: the restored image served, and the step said that restoring it had failed."""
    cluster.behave(broken=(NEW,), stale=2)
    result = deploy(sandbox)
    assert result.code == 1
    assert reason(sandbox) == f"sha256:{'b' * 64} was not ready within 60s; restored sha256:{'a' * 64}"
    assert cluster.verbs().count("rollout status") == 4


def test_a_deadline_that_is_over_for_good_ends_the_wait(sandbox: Sandbox, cluster: Cluster) -> None:
    cluster.behave(broken=(NEW,), stale=100)
    assert deploy(sandbox, ROLLOUT_SECONDS="2").code == 1
    assert reason(sandbox).endswith(f"and restoring sha256:{'a' * 64} failed as well")


def test_a_wrong_answer_is_asked_again_for_a_while(sandbox: Sandbox, cluster: Cluster) -> None:
    answering(sandbox, ("503", ""), ("200", "version 2"))
    assert deploy(sandbox, PARAM_SMOKE_SECONDS="30", **SMOKE).code == 0
    assert len(sandbox.called("curl")) == 2
