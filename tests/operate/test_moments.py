"""How runs that people start are named: by the clock that named the run before, which may be the forge's in another zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from operate.runs import moment_like
from steps.comment import with_section
from tests.steps.test_comment import at, section

NOW = datetime(2026, 11, 22, 20, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("hours", [-8, -3.5, 0, 1, 5.75, 13])
def test_a_run_that_is_started_anew_comes_after_its_own_and_before_the_next_push(hours: float) -> None:
    zone = timezone(timedelta(hours=hours))
    first, anew, then = (
        (NOW + timedelta(minutes=minutes)).astimezone(zone).strftime("%Y%m%d%H%M%S") for minutes in (0, 30, 60)
    )
    made = moment_like(at(first), "2026-11-22T20:00:03Z", now=NOW + timedelta(minutes=30))
    assert made == anew
    body = with_section(with_section("", section(run=at(first))), section(run=at(made), reason="anew"))
    assert "anew" in body
    assert "the next push" in with_section(body, section(run=at(then), reason="the next push"))


@pytest.mark.parametrize(
    "name", ["by-hand", at("20261120010000"), at("99999999999999")], ids=["no time", "days ago", "none"]
)
def test_what_names_no_time_of_a_zone_leads_to_utc(name: str) -> None:
    """A webhook may come days after its event."""
    assert moment_like(name, "2026-11-22T20:00:03Z", now=NOW) == "20261122200000"
