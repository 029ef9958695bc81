"""The command line: each verb does its work, tells it, and ends with one clear error otherwise."""

import json
import subprocess
import sys

import pytest
from kubernetes import client

from operate import __main__ as command
from operate.records import hold
from tests.operate.cluster import Memory, image, run, served, task_run
from tests.support import ROOT


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Memory:
    marked = served(
        "b",
        2,
        mergeCommit="2" * 40,
        mergedBy="bob",
        approvedBy=["carol"],
        mark={"environment": "staging", "tree": "t" * 40, "run": "shop-staging-2-stage"},
    )
    made = Memory("production", served("a", 1), marked)
    waits = run(3, "12:01:00")
    made.pipeline_runs.append(waits)
    made.task_runs += [task_run(waits, "queued: production is held by ana: by hand")]
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: made)
    return made


def operate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = command.main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_history_tells_what_serves_and_served(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    operate(capsys, "hold", "production", "shop", "--reason", "by hand")
    code, out, _ = operate(capsys, "history", "production", "shop")
    assert code == 0
    for fact in (
        f"production shop serves {image('b')}",
        "merged          as " + "2" * 40 + " by bob",
        "approved by     carol",
        "mark            staging ran tree " + "t" * 40 + " (shop-staging-2-stage)",
        "held by ana since",
        "queued shop-staging-3-abcdef01-20261122120100: queued: production is held",
    ):
        assert fact in out, out
    rows = [line for line in out.splitlines() if line.startswith("2026-")]
    assert ["b" * 64 in rows[0], "a" * 64 in rows[1]] == [True, True], "newest first"


def test_history_as_data(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = operate(capsys, "history", "production", "shop", "--json")
    told = json.loads(out)
    assert code == 0
    assert [entry["image"] for entry in told["served"]] == [image("b"), image("a")]
    assert told["served"][0]["mark"]["environment"] == "staging"
    assert told["queued"] == [
        {"run": "shop-staging-3-abcdef01-20261122120100", "reason": "queued: production is held by ana: by hand"}
    ]
    assert (told["hold"], told["frozen"], told["awaitsApproval"]) == (None, None, [])


@pytest.mark.parametrize(
    ("counted", "says"),
    [
        ((200, 200), "NO ROOM for new runs: 200 of 200"),
        ((180, 200), "little room for new runs: 180"),
        ((179, 200), None),
        (None, None),
    ],
)
def test_history_warns_where_webhooks_soon_start_nothing(
    cluster: Memory, capsys: pytest.CaptureFixture[str], counted: tuple[int, int] | None, says: str | None
) -> None:
    cluster.counted = counted
    _, out, _ = operate(capsys, "history", "production", "shop")
    assert says in out if says else "for new runs" not in out
    _, out, _ = operate(capsys, "history", "production", "shop", "--json")
    assert json.loads(out)["runs"] == ({"there": counted[0], "allowed": counted[1]} if counted else None)


def test_history_of_what_somebody_put_there_by_hand(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.live["spec"]["template"]["spec"]["containers"][0]["image"] = "by-hand"
    _, out, _ = operate(capsys, "history", "production", "shop")
    assert "which no delivery put there" in out


def test_a_rollback_holds_and_lifting_starts_what_was_queued(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = operate(capsys, "rollback", "production", "shop", "--reason", "slow")
    assert code == 0
    assert "and is held: operate lift production shop" in out
    assert cluster.image == image("a")
    code, out, _ = operate(capsys, "lift", "production", "shop")
    assert code == 0
    assert hold(cluster.live) is None
    assert "started shop-staging-3-abcdef01-" in out
    assert cluster.image == image("a"), "nothing brings the rolled-back version again"


def test_a_freeze_is_for_the_whole_environment(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    assert operate(capsys, "freeze", "production", "--reason", "stock-taking")[0] == 0
    assert "frozen by ana since" in operate(capsys, "history", "production", "shop")[1]
    code, out, _ = operate(capsys, "unfreeze", "production")
    assert code == 0
    assert "started shop-staging-3-" in out


def test_a_retry_tells_the_new_run(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = operate(capsys, "retry", "production", "shop", "3")
    assert code == 0
    assert out.startswith("started shop-staging-3-abcdef01-")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("history", "prod", "shop"), "there is no environment 'prod' with applications; there are production, staging"),
        (("freeze", "prod"), "there is no environment 'prod' with applications; there are production, staging"),
        (("hold", "production", "shopp"), "production has no application 'shopp'; it has shop"),
        (("lift", "production", "shop"), "production shop is not held"),
        (("approve", "production", "shop"), "nothing waits for approval on production shop"),
    ],
)
def test_a_wrong_name_gets_one_clear_error(
    cluster: Memory, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert operate(capsys, *arguments) == (1, "", f"error: {says}\n")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1; id", ""])
def test_a_wrong_number_is_refused(cluster: Memory, capsys: pytest.CaptureFixture[str], number: str) -> None:
    with pytest.raises(SystemExit):
        command.main(["retry", "production", "shop", "--", number])
    assert "is no number of a pull request" in capsys.readouterr().err


def test_a_reason_is_one_line(cluster: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    operate(capsys, "hold", "production", "shop", "--reason", "two\n lines")
    assert "two lines" in cluster.notes["tekton-delivery/hold"]


def test_a_missing_right_is_told_as_the_cluster_tells_it(
    cluster: Memory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(environment: str) -> None:
        error = client.ApiException(status=403, reason="Forbidden")
        error.body = json.dumps({"message": 'deployments.apps is forbidden: User "ana" cannot list'})
        raise error

    monkeypatch.setattr(cluster, "deployments", forbidden)
    code, _, err = operate(capsys, "history", "production", "shop")
    assert (code, err) == (1, 'error: the cluster refuses: deployments.apps is forbidden: User "ana" cannot list\n')


@pytest.mark.parametrize(
    ("kubeconfig", "says"),
    [("/nonexistent", "name a kubeconfig with $KUBECONFIG"), ("/", "the kubeconfig cannot be read: [Errno 21]")],
)
def test_no_kubeconfig_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kubeconfig: str, says: str
) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    code, _, err = operate(capsys, "history", "production", "shop")
    assert code == 1
    assert says in err
    assert "Traceback" not in err


BAD = "a\x1b]0;x\x07b\x9b31mc\u202ed\u2066e\u2028f\nproduction shop serves g"
PLAIN = "a ]0;x b 31mc d e f production shop serves g"


def test_what_others_wrote_is_shown_plainly_and_makes_no_lines(
    cluster: Memory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = cluster.notes
    history = json.loads(notes["tekton-delivery/history"])
    history[-1] |= {"mergedBy": BAD, "run": BAD, "approvedBy": [BAD], "mark": {"environment": BAD, "tree": BAD, "run": BAD}}
    notes["tekton-delivery/history"] = json.dumps(history)
    notes["tekton-delivery/hold"] = json.dumps({"by": BAD, "reason": BAD, "since": BAD})
    waits = dict.fromkeys(("digest", "commit", "mergedBy", "run", "taskRun", "taskRunUid"), BAD)
    notes["tekton-delivery/awaits-approval-7"] = json.dumps(
        waits | {"pullRequest": BAD, "count": 1, "until": "2999-01-01T00:00:00Z"}
    )
    cluster.switch = {
        "metadata": {"annotations": {"tekton-delivery/frozen": BAD}},
        "data": {"frozen": notes["tekton-delivery/hold"]},
    }
    cluster.task_runs[-1]["status"]["results"][0]["value"] = f"queued: {BAD}"
    code, out, _ = operate(capsys, "history", "production", "shop")
    assert code == 0
    assert out.count(PLAIN) >= 15
    assert not [letter for letter in out if letter != "\n" and not letter.isprintable()]
    assert not [line for line in out.splitlines()[1:] if line.startswith("production shop serves")]

    def forbidden(environment: str) -> None:
        error = client.ApiException(status=403, reason="Forbidden")
        error.body = json.dumps({"message": BAD})
        raise error

    monkeypatch.setattr(cluster, "deployments", forbidden)
    assert operate(capsys, "history", "production", "shop")[2] == f"error: the cluster refuses: {PLAIN}\n"


def test_who_has_read_enough_is_told_nothing_more() -> None:
    program = "import sys, operate.__main__ as m; m.run = lambda *_: print('x' * 10**6); m.Cluster = lambda *_: None"
    ask = f"{program}; sys.exit(m.main(['history', 'staging', 'shop']))"
    with subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as asked:
        assert asked.stdout
        assert asked.stderr
        asked.stdout.read(1)
        asked.stdout.close()
        assert asked.stderr.read() == b""
    assert asked.returncode == 1
