"""How the embedded cluster's policy engine follows the API server."""

import io
import json
from typing import Any

import pytest

from local.firewall.model import labels, pod
from local.firewall.watch import GoneError, Kind, Server


class Response(io.BytesIO):
    """An answer of the API server."""


class Api(Server):
    """Answers what it is given, in turn, and then refuses."""

    def __init__(self, *answers: object) -> None:
        self.answers = [*answers]
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, path: str, **query: object) -> Any:
        self.asked.append((path, query))
        if not self.answers:
            raise KeyboardInterrupt
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            return Response(answer)
        return Response("\n".join(map(json.dumps, answer)).encode())  # type: ignore[call-overload]


def namespace(name: str, version: str = "1", **found: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": found, "resourceVersion": version}}


def listing(*items: dict[str, Any], version: str = "1") -> list[Any]:
    return [{"metadata": {"resourceVersion": version}, "items": [*items]}]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.firewall.watch.PAUSE", 0)


def follow(*answers: object) -> tuple[Kind[Any], Api, list[int]]:
    """Follow namespaces to the end of the answers: the kind, who was asked, how many there were at each change."""
    seen: list[int] = []
    kind: Kind[Any] = Kind("/namespaces", labels, lambda: seen.append(len(kind.objects())))
    api = Api(*answers)
    with pytest.raises(KeyboardInterrupt):
        kind.follow(api)
    return kind, api, seen


def test_what_changes_after_the_list_is_taken_in() -> None:
    events = [
        {"type": "ADDED", "object": namespace("two", "2", a="b")},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}},
        {"type": "MODIFIED", "object": namespace("one", "8", c="d")},
        {"type": "DELETED", "object": namespace("two", "9")},
    ]
    kind, api, seen = follow(listing(namespace("one")), events)
    assert kind.objects() == {("", "one"): {"c": "d"}}
    assert seen == [1, 2, 2, 1]
    assert [query.get("resourceVersion") for _, query in api.asked] == [None, "1", "9"]


def test_what_an_event_leaves_as_it_was_is_no_change() -> None:
    _, _, seen = follow(listing(namespace("one")), [{"type": "MODIFIED", "object": namespace("one", "2")}])
    assert seen == [1]


@pytest.mark.parametrize("failure", [GoneError("403"), ConnectionResetError("killed")])
def test_a_server_that_refuses_is_asked_again_from_the_start(failure: Exception) -> None:
    kind, _, seen = follow(failure, listing(namespace("one")), failure, listing(namespace("two")))
    assert kind.objects() == {("", "two"): {}}
    assert seen == [1, 1]


def test_a_server_that_ends_within_a_line_is_asked_again() -> None:
    kind, _, _ = follow(listing(namespace("one")), b'{"type": "ADD', listing(namespace("two")))
    assert kind.objects() == {("", "two"): {}}


def test_a_watch_that_is_too_old_is_listed_again() -> None:
    expired = [{"type": "ERROR", "object": {"message": "too old resource version"}}]
    kind, _, _ = follow(listing(namespace("one")), expired, listing())
    assert kind.objects() == {}


def test_a_pod_that_ends_is_forgotten_before_it_is_deleted() -> None:
    def event(kind: str, phase: str) -> tuple[str, dict[str, Any]]:
        status = {"phase": phase, "podIP": "10.244.0.9"}
        return kind, {"metadata": {"name": "p", "namespace": "ci"}, "spec": {"containers": []}, "status": status}

    kind = Kind("/pods", pod, lambda: None)
    kind.take(*event("ADDED", "Running"))
    assert list(kind.objects()) == [("ci", "p")]
    kind.take(*event("MODIFIED", "Succeeded"))
    assert not kind.objects()
    kind.take(*event("DELETED", "Succeeded"))
    assert not kind.objects()
