"""The smoke check: asks the application what its settings say, and again for a while if the answer is wrong."""

import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

from steps.deadline import connection, within
from steps.inputs import given

# What it sends after that is nobody's concern: it is a pull request's code.
LARGEST = 1024 * 1024
_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """What to ask, and which answer is right."""

    url: str = given("PARAM_SMOKE_URL")
    """Empty to ask nothing."""
    status: str = given("PARAM_SMOKE_STATUS")
    contains: str = given("PARAM_SMOKE_CONTAINS")
    seconds: int = given("PARAM_SMOKE_SECONDS")
    """How long a wrong answer is asked again."""


def wrong(smoke: Smoke) -> str | None:
    """Return what is wrong with the answers; None if one was right."""
    if not smoke.url:
        return None
    until = time.monotonic() + smoke.seconds
    while True:
        status, answer = _ask(smoke.url)
        if status != smoke.status:
            found = f"{status} instead of {smoke.status}"
        elif smoke.contains.encode() not in answer:
            found = f"an answer without '{smoke.contains}'"
        else:
            return None
        if time.monotonic() >= until:
            return found
        time.sleep(1)


def _ask(url: str) -> tuple[str, bytes]:
    at = urlsplit(url)
    tls = ssl.create_default_context() if at.scheme == "https" else None
    try:
        with closing(connection(at, tls)) as made, within(made, _SECONDS, tls):
            path = (at.path or "/") + (f"?{at.query}" if at.query else "")
            made.request("GET", path, headers={"User-Agent": "tekton-delivery", "Accept": "*/*"})
            response = made.getresponse()
            answer = b""
            while len(answer) < LARGEST and (part := response.read1(min(65536, LARGEST - len(answer)))):
                answer += part
            return str(response.status), answer
    except (OSError, HTTPException, ValueError):
        return "no answer", b""
