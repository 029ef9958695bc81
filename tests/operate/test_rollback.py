"""Rolling back: to something that was served, under the Lease, and held there."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operate import lease, rollback
from operate.errors import OperateError
from operate.records import history, hold
from operate.rollback import roll_back
from tests.operate.cluster import Memory, image, served

THREE = (served("a", 1), served("b", 2, mergeCommit="2" * 40, mergedBy="bob", mark={"tree": "t"}), served("c", 3))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.01)


def back(cluster: Memory, wanted: str | None = None, reason: str | None = "it is slow") -> list[str]:
    said: list[str] = []
    roll_back(cluster.target, wanted, reason, said.append)
    return said


def test_by_default_what_served_before_comes_back_and_is_held() -> None:
    cluster = Memory("production", *THREE)
    back(cluster)
    assert cluster.image == image("b")
    notes = cluster.notes
    assert notes["tekton-delivery/commit"] == "b" * 40
    assert notes["tekton-delivery/merge-commit"] == "2" * 40
    assert notes["tekton-delivery/digest"] == "sha256:" + "b" * 64
    held = hold(cluster.live)
    assert held
    assert (held.by, held.reason, held.pull_request) == ("ana", "rolled back: it is slow", None)
    last = history(cluster.live)[-1]
    assert (last.rolled_back_by, last.reason, last.unproven) == ("ana", "it is slow", None)
    assert last.mark
    assert last.mark["tree"] == "t"
    assert cluster.held["spec"] == {}, "the Lease is given back"


def test_what_the_entry_does_not_know_does_not_stay_from_what_served_before() -> None:
    cluster = Memory("production", *THREE)
    cluster.notes["tekton-delivery/merged-by"] = "carol"
    back(cluster, "a" * 12)
    assert "tekton-delivery/merged-by" not in cluster.notes


@pytest.mark.parametrize("wanted", ["a" * 40, "a" * 7, "sha256:" + "a" * 64, "sha256:" + "a" * 7])
def test_a_digest_or_commit_may_be_named_by_its_beginning(wanted: str) -> None:
    cluster = Memory("production", *THREE)
    back(cluster, wanted)
    assert cluster.image == image("a")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("d" * 40, "was never served here"),
        ("c" * 40, "is what serves now"),
        ("ab", "too short"),
        ("sha256:", "too short"),
    ],
)
def test_anything_else_is_refused_with_what_there_is(wanted: str, says: str) -> None:
    cluster = Memory("production", *THREE)
    with pytest.raises(OperateError, match=says) as refused:
        back(cluster, wanted)
    assert cluster.image == image("c")
    if "short" not in says:
        assert "b" * 64 in str(refused.value)


BROKEN = '{"image":"registry.internal:5000/shop@sha256:x","mark":[1,]}'


def record(*entries: Any) -> str:
    """A history as text; an entry that is text stays as it is."""
    texts = [entry if isinstance(entry, str) else json.dumps(entry, separators=(",", ":")) for entry in entries]
    return f"[{','.join(texts)}]"


@pytest.mark.parametrize("place", range(4))
def test_an_entry_that_cannot_be_read_makes_no_other_one_unreadable(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The last release let deployers add such. It is left out, and is gone with the next rollback."""
    cluster = Memory("production", *THREE)
    entries: list[Any] = [*THREE]
    entries.insert(place, BROKEN)
    cluster.notes["tekton-delivery/history"] = record(*entries)
    back(cluster)
    assert cluster.image == image("b")
    assert "1 entries of the annotation tekton-delivery/history of shop-pod" in capsys.readouterr().err
    kept = json.loads(cluster.notes["tekton-delivery/history"])
    assert [entry["image"] for entry in kept] == [image(letter) for letter in "abcb"]


@pytest.mark.parametrize("text", ["by hand", "[1]", '{"image":"x"}', "[" * 5000, f"[{BROKEN}]", record({"image": 5})])
def test_a_record_that_cannot_be_read_keeps_nobody_from_a_digest_by_its_whole_name(text: str) -> None:
    cluster = Memory("production", *THREE)
    cluster.notes["tekton-delivery/history"] = text
    wanted = "sha256:" + "d" * 64
    with pytest.raises(OperateError, match="nothing else is known"):
        back(cluster, wanted)
    roll_back(cluster.target, wanted, "by hand", lambda said: None, unproven=True)
    assert cluster.image == image("d")
    last = history(cluster.live)[-1]
    assert (last.image, last.unproven, last.rolled_back_by) == (image("d"), True, "ana")
    assert json.loads(cluster.notes["tekton-delivery/history"])


def test_a_beginning_of_two_is_refused() -> None:
    cluster = Memory("production", served("a", 1), served("b", 2) | {"commit": "a" * 20 + "b" * 20}, served("c", 3))
    with pytest.raises(OperateError, match="more than one"):
        back(cluster, "a" * 10)


def test_a_second_rollback_goes_further_back_not_forth() -> None:
    cluster = Memory("production", *THREE)
    back(cluster)
    back(cluster)
    assert cluster.image == image("a")


def test_the_first_delivery_has_nothing_before_it() -> None:
    with pytest.raises(OperateError, match="nothing else is known"):
        back(Memory("production", served("a", 1)))


def test_the_placeholder_is_nothing_to_go_back_to() -> None:
    placeholder = {"image": "tools", "run": "x", "at": "y"}
    with pytest.raises(OperateError, match="nothing else is known"):
        back(Memory("staging", placeholder, served("a", 1)))


def test_what_does_not_get_ready_is_taken_back_with_all_notes() -> None:
    cluster = Memory("production", *THREE)
    before = json.loads(json.dumps(cluster.notes))
    cluster.broken = {image("b")}
    with pytest.raises(OperateError, match=r"was not ready within 1 s; restored .*c{64}"):
        back(cluster)
    assert cluster.image == image("c")
    assert cluster.notes == before
    assert cluster.held["spec"] == {}


def test_somebody_elses_change_meanwhile_is_kept() -> None:
    cluster = Memory("production", *THREE)
    cluster.before_patch = [{"theirs": "new"}]
    back(cluster)
    assert cluster.image == image("b")
    assert cluster.notes["theirs"] == "new"


def held_since(age: float, seconds: int = 3600) -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"holderIdentity": "deploy\u202e", "renewTime": at, "leaseDurationSeconds": seconds}


@pytest.mark.parametrize(
    "spec",
    [
        held_since(200, 2**31 - 1),
        held_since(-1e9),
        held_since(0) | {"renewTime": "soon"},
        held_since(0) | {"renewTime": None},
        {"holderIdentity": "deploy"},
    ],
)
def test_nobody_blocks_longer_than_the_stack_says_whatever_the_lease_says(spec: dict[str, Any]) -> None:
    cluster = Memory("production", *THREE)
    cluster.held["metadata"]["annotations"] = {"tekton-delivery/lease-seconds": "150"}
    cluster.held["spec"] = spec
    assert "waiting for a deploy of production shop to end" not in back(cluster)
    assert cluster.image == image("b")


def test_a_lease_that_is_never_given_back_is_told_with_the_way_out() -> None:
    cluster = Memory("production", *THREE)
    cluster.held["metadata"]["annotations"] = {"tekton-delivery/lease-seconds": "1"}
    cluster.held["spec"] = held_since(-30)
    with pytest.raises(OperateError, match=r"held by 'deploy '; if .* kubectl --namespace production patch lease shop-pod"):
        back(cluster)
    assert cluster.image == image("c")


def test_what_ends_the_program_takes_back_what_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production", *THREE)
    before = json.loads(json.dumps(cluster.notes))

    def ended(seconds: float) -> None:
        if cluster.image == image("b"):
            raise SystemExit(143)

    cluster.broken = {image("b")}
    monkeypatch.setattr(rollback.time, "sleep", ended)
    with pytest.raises(SystemExit):
        back(cluster)
    assert cluster.image == image("c")
    assert cluster.notes == before
    assert cluster.held["spec"] == {}


def test_a_deploy_that_is_going_on_is_waited_for() -> None:
    cluster = Memory("production", *THREE)
    spec: dict[str, Any] = held_since(0)
    cluster.held["spec"] = spec
    asked = 0

    def lease_now(environment: str, name: str) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 3:
            cluster.held["spec"] = held_since(3601)  # ran out
        return json.loads(json.dumps(cluster.held))  # type: ignore[no-any-return]

    cluster.lease = lease_now  # type: ignore[method-assign]
    assert "waiting for a deploy of production shop to end" in back(cluster)
    assert cluster.image == image("b")


def test_older_entries_stay_to_the_letter() -> None:
    """The admission policy compares them as text when deploys add theirs."""
    cluster = Memory("production", *THREE)
    text = cluster.notes["tekton-delivery/history"].replace('"run"', '"reason":"caf\\u00e9 \\u202e","run"')
    cluster.notes["tekton-delivery/history"] = text
    back(cluster)
    assert cluster.notes["tekton-delivery/history"].startswith(text[:-1] + ',{"image":"' + image("b"))


def test_twenty_entries_are_kept() -> None:
    cluster = Memory("production", *[served("a", 1)] * 19, served("b", 2))
    back(cluster)
    assert len(history(cluster.live)) == 20
    assert history(cluster.live)[-1].rolled_back_by == "ana"
