"""The steps' client of the API server: what is no answer, and what is one."""

from collections.abc import Iterator
from unittest import mock

import pytest

from steps.inputs import read
from steps.kubernetes import Access, ApiError, Kubernetes
from tests.steps.server import RAW, Api

PATH = "/api/v1/namespaces/staging/configmaps/freeze"


@pytest.fixture
def api(lists: Api) -> Iterator[Kubernetes]:
    with Kubernetes(read(Access, lists.env)) as made, mock.patch("steps.kubernetes.time.sleep", lists.waited.append):
        yield made


@pytest.mark.parametrize("body", [b'{"a": "b', b"<html>"], ids=["cut-off", "no-json"])
def test_what_is_no_whole_answer_is_asked_for_again(lists: Api, api: Kubernetes, body: bytes) -> None:
    lists.says(PATH, {"a": "b"})
    length = 100 if body.startswith(b"{") else len(body)
    lists.says(PATH, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, body), RAW, times=1)
    assert api.get(PATH) == {"a": "b"}


def test_what_never_is_one_is_an_error_of_the_api_server(lists: Api, api: Kubernetes) -> None:
    lists.says(PATH, b"<html>")
    with pytest.raises(ApiError, match="no JSON") as caught:
        api.get(PATH)
    assert caught.value.passing


def test_an_answer_above_the_bound_is_told(lists: Api, api: Kubernetes) -> None:
    lists.says(PATH, {"a": "b" * 100})
    with mock.patch("steps.kubernetes._LARGEST", 50), pytest.raises(ApiError, match="more than 50 bytes") as caught:
        api.get(PATH)
    assert not caught.value.passing
    assert len(lists.calls) == 1


def test_a_time_to_wait_that_is_no_number_is_a_second(lists: Api, api: Kubernetes) -> None:
    lists.says(PATH, {"a": "b"})
    said = "Retry-After: \u00b2".encode("latin-1")
    lists.says(PATH, b"HTTP/1.1 429 Too Many\r\nConnection: close\r\nContent-Length: 2\r\n%s\r\n\r\n{}" % said, RAW, times=1)
    assert api.get(PATH) == {"a": "b"}
    assert lists.waited == [1.0]


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_a_watch_that_the_api_server_has_no_time_for_brings_nothing(lists: Api, api: Kubernetes, status: int) -> None:
    lists.says("watch=true", {"reason": "Whatever", "message": "starting"}, status)
    assert list(api.watch(PATH, "1", 5)) == []
    assert lists.waited == [1.0]


def test_a_watch_that_ends_by_an_error_is_not_begun_anew_at_once(lists: Api, api: Kubernetes) -> None:
    lists.says("watch=true", {"type": "ERROR", "object": {"code": 429}})
    assert list(api.watch(PATH, "1", 5)) == []
    assert lists.waited == [1.0]


@pytest.mark.parametrize("status", [403, 404])
def test_a_watch_that_is_refused_is_an_error(lists: Api, api: Kubernetes, status: int) -> None:
    lists.says("watch=true", {"reason": "Forbidden", "message": "no"}, status)
    with pytest.raises(ApiError, match="no"):
        list(api.watch(PATH, "1", 5))


def test_within_a_time_it_is_asked_again_until_that_is_over(lists: Api, api: Kubernetes) -> None:
    lists.says(PATH, {"a": "b"})
    lists.says(PATH, {"message": "starting"}, 503, times=9)
    with api.within(60):
        assert api.get(PATH) == {"a": "b"}
    lists.says(PATH, {"message": "starting"}, 503)
    with api.within(0), pytest.raises(ApiError, match="starting"):
        api.get(PATH)
