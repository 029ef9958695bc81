"""Runs that people start are named by UTC, as those of webhooks (tests/test_run_names.py), whatever zone a machine has."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from operate.runs import moment
from steps.comment import with_section
from tests.steps.test_comment import at, section


@pytest.fixture(params=["Pacific/Kiritimati", "America/St_Johns", "UTC"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with mock.patch.dict(os.environ, {"TZ": request.param}):
        time.tzset()
        yield request.param
    time.tzset()


def test_what_is_started_by_hand_comes_after_the_webhook_before_it_and_before_the_next_one(zone: str) -> None:
    before, then = ((datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%S") for seconds in (-30, 30))
    body = with_section(with_section("", section(run=at(before))), section(run=at(moment()), reason="by hand"))
    assert "by hand" in body
    assert "the next push" in with_section(body, section(run=at(then), reason="the next push"))
