"""What runs where: a line for each application, as plain text that fits, and as data."""

import json
from typing import Any

import pytest
from kubernetes import client

from components.conventions import Manifest
from operate import __main__ as command
from operate import status
from operate.errors import OperateError
from tests.operate.cluster import Memory, image, served

# ESC, C1's CSI, a right-to-left override, an isolate and a line separator.
BAD = "a\x1b]0;x\x07b\x9b31mc\u202ed\u2066e\u2028f"
PLAIN = "a ]0;x b 31mc d e f"
HELD = json.dumps({"by": "ana", "reason": "testing", "since": "2026-11-22T12:00:00Z"})


class Several(Memory):
    """Production with an application, and what goes on there."""

    def __init__(self, *history: Manifest) -> None:
        super().__init__("production", *history)
        self.states: list[Manifest] = []
        self.hidden = False
        if history:
            last = history[-1]
            self.notes["tekton-delivery/digest"] = last["image"].partition("@")[2]
            self.notes["tekton-delivery/delivered-at"] = last["at"]

    def environments(self) -> list[str]:
        if self.hidden:
            raise client.ApiException(status=403, reason="Forbidden")
        return ["production"]

    def run_states(self, environment: str) -> list[Manifest]:
        return self.states


def shown(cluster: Memory, width: int | None = None) -> str:
    return "\n".join(status.lines(status.read(cluster, []), width))


def state(cluster: Memory) -> str:
    (row,) = status.read(cluster, []).applications
    return row.state


@pytest.fixture
def cluster() -> Several:
    return Several(served("a", 7))


def test_what_was_delivered_is_told(cluster: Several) -> None:
    cluster.notes["tekton-delivery/merged-by"] = "bob"
    cluster.states = [
        {"name": "run-1", "since": "2026-11-22T12:01:00Z", "state": "Running", "ended": False},
        {"name": "run-2", "since": "2026-11-22T12:01:00Z", "state": "Succeeded", "ended": True},
    ]
    first, second, _, title, _, going, room = shown(cluster).splitlines()
    assert first.split() == ["environment", "application", "ready", "commit", "digest", "since", "pull", "request", "by"]
    assert second.split() == [
        "production",
        "shop",
        "0/2",
        "a" * 12,
        "sha256:" + "a" * 12,
        "2026-11-22T12:07:00Z",
        "#7",
        "bob",
    ]
    assert title == "Runs in flight"
    assert going.split() == ["production", "run-1", "2026-11-22T12:01:00Z", "Running"]
    assert room == "production: 7 of 200 runs"


def test_without_a_delivery_nothing_is_told_of_one() -> None:
    assert state(Several()) == "nothing delivered yet"


def test_what_came_by_another_way_has_none_of_the_notes(cluster: Several) -> None:
    cluster.live["spec"]["template"]["spec"]["containers"][0]["image"] = image("b")
    (row,) = status.read(cluster, []).applications
    assert (row.state, row.digest) == ("not what was delivered", "sha256:" + "b" * 12)
    assert (row.commit, row.since, row.pull_request) == ("", "", "")


def test_a_rollout_names_its_run(cluster: Several) -> None:
    cluster.live["spec"]["template"]["spec"]["containers"][0]["image"] = image("b")
    cluster.notes["tekton-delivery/rolling-out"] = json.dumps({"image": image("b"), "former": image("a"), "run": "run-8"})
    assert state(cluster) == "is being rolled out by run-8"


def test_what_keeps_it_is_told(cluster: Several) -> None:
    cluster.notes["tekton-delivery/hold"] = HELD
    cluster.notes["tekton-delivery/awaits-approval-9"] = "{}"
    cluster.switch = {"metadata": {"annotations": {"tekton-delivery/frozen": "stock-taking"}}}
    held = "held by ana since 2026-11-22T12:00:00Z: testing"
    assert state(cluster) == f"frozen by its settings: stock-taking; {held}; waits for approval: #9"
    cluster.notes["tekton-delivery/hold"] = "{"
    assert "held by something that cannot be read" in state(cluster)


def test_a_workload_that_runs_another_image_is_named(cluster: Several) -> None:
    cluster.follow("shop-worker-pod", image("a"))
    assert state(cluster) == ""
    cluster.follow("shop-worker-pod", image("b"))
    assert state(cluster) == "NOT WITH IT: shop-worker-pod"


def test_texts_of_others_are_shown_as_text(cluster: Several) -> None:
    cluster.notes.update({f"tekton-delivery/{name}": BAD for name in ("delivered-at", "pull-request", "merged-by")})
    cluster.states = [{"name": "run-1", "since": "2026-11-22", "state": BAD, "ended": False}]
    told = shown(cluster)
    assert told.count(PLAIN) == 4
    assert not [letter for letter in told if letter != "\n" and not letter.isprintable()]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_it_fits_the_width(cluster: Several, width: int) -> None:
    cluster.notes["tekton-delivery/hold"] = HELD
    told = shown(cluster, width).splitlines()
    assert max(map(len, told)) <= width
    assert told[1].startswith("production   shop")
    assert "held" in told[1]


@pytest.mark.parametrize(
    ("counted", "says"),
    [((200, 200), "production: 200 of 200 runs; NO ROOM: webhooks start nothing"), (None, "runs are not counted yet")],
)
def test_it_tells_how_many_runs_there_may_be(cluster: Several, counted: tuple[int, int] | None, says: str) -> None:
    cluster.counted = counted
    assert says in shown(cluster)


def test_who_may_not_look_everywhere_names_environments(cluster: Several) -> None:
    cluster.hidden = True
    with pytest.raises(OperateError, match="name environments, `status staging`"):
        status.read(cluster, [])
    assert len(status.read(cluster, ["production"]).applications) == 1
    with pytest.raises(OperateError, match="no environment 'elsewhere'"):
        status.read(cluster, ["elsewhere"])


def test_the_command_tells_it_as_data(cluster: Several, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: cluster)
    assert command.main(["status", "production", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["applications"]
    assert (row["application"], row["pullRequest"]) == ("shop", "#7")


def test_a_wrong_name_is_told_with_what_there_is(cluster: Several, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(environment: str) -> Manifest:
        raise client.ApiException(status=404, reason="Not Found")

    monkeypatch.setattr(cluster, "freeze", absent)
    with pytest.raises(OperateError) as refused:
        status.read(cluster, ["prod"])
    assert str(refused.value) == "there is no environment 'prod' with applications; there are production"
