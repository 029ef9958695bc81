"""Questions to a forge that end: within so many seconds in all and so many bytes, however it answers."""

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.request import getproxies, proxy_bypass

import httpx
import urllib3

T = TypeVar("T")

# As the steps have it (steps/forge.py). Clients bound each read, and read as often as the other side sends.
SECONDS, LARGEST = 20.0, 8 * 1024 * 1024
# What is packed could be unpacked to a thousand times as much.
_PLAIN = {"Accept-Encoding": "identity"}
_TOO_LARGE = f"its answer has more than {LARGEST} bytes"
_PACKED = "its answer is packed, which nobody asked for"


def within(ask: Callable[[], T], seconds: float) -> T:
    """Return what a question is answered. Raises what it raises, or TimeoutError: then nobody listens any more."""
    answers: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"it has not answered in full within {seconds:g} s") from None
    if error:
        raise error
    return answer  # type: ignore[return-value]


class Bounded(httpx.BaseTransport):
    """What httpx sends by. A transport of its own takes httpx's look at the environment away, so it looks for proxies."""

    def __init__(self, inner: httpx.BaseTransport | None = None, seconds: float = SECONDS) -> None:
        self._inner, self._seconds = inner, seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask, and read all of the answer. Raises httpx.TransportError."""
        request.headers.update(_PLAIN)
        try:
            return within(lambda: self._asked(request), self._seconds)
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=request) from error

    def _asked(self, request: httpx.Request) -> httpx.Response:
        if self._inner:
            return _whole(self._inner, request)
        with httpx.HTTPTransport(proxy=_proxy(request.url)) as made:
            return _whole(made, request)


def _whole(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
    response, content = transport.handle_request(request), bytearray()
    with closing(response):
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise httpx.ReadError(_PACKED, request=request)
        for chunk in cast(httpx.SyncByteStream, response.stream):
            content += chunk
            if len(content) > LARGEST:
                raise httpx.ReadError(_TOO_LARGE, request=request)
    return httpx.Response(response.status_code, headers=response.headers, content=bytes(content))


def _proxy(url: httpx.URL) -> str | None:
    proxies = getproxies()
    return None if proxy_bypass(url.host) else proxies.get(url.scheme) or proxies.get("all")


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    data: bytes


def request(method: str, url: str, *, headers: Mapping[str, str], body: Any = None, seconds: float = SECONDS) -> Answer:
    """Ask by urllib3, which follows no redirection then. Raises urllib3's HTTPError."""

    def ask() -> Answer:
        found = urllib3.request(
            method, url, json=body, headers=dict(headers) | _PLAIN, timeout=seconds, retries=False, redirect=False,
            preload_content=False, decode_content=False,
        )  # fmt: skip
        with closing(found):
            if found.headers.get("Content-Encoding", "identity") != "identity":
                raise urllib3.exceptions.HTTPError(_PACKED)
            data = found.read(LARGEST + 1, decode_content=False)
        if len(data) > LARGEST:
            raise urllib3.exceptions.HTTPError(_TOO_LARGE)
        return Answer(found.status, data)

    try:
        return within(ask, seconds)
    except TimeoutError as error:
        raise urllib3.exceptions.HTTPError(str(error)) from error
