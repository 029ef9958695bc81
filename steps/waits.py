"""How long a forge is given to know what it has told."""

import time
from collections.abc import Callable
from typing import TypeVar

from steps.result import log

T = TypeVar("T")

# What a forge answers may be older than the webhook that it sent: GitHub asks replicas, Gitea sets refs afterwards. And a
# commit may be pushed, replaced and pushed again, so that no ancestry tells which of two answers is the older one.
_WAITS = (1.0, 2.0, 4.0, 8.0)


def awaited(ask: Callable[[], T], true: Callable[[T], bool], said: Callable[[T], str]) -> T:
    """Ask until the answer is true, or the forge has had its time; the last answer. What it `said` instead is logged."""
    found = ask()
    for wait in _WAITS:
        if true(found):
            break
        log(f"{said(found)}: it is asked again")
        time.sleep(wait)
        found = ask()
    return found
