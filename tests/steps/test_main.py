"""How a step ends."""

import pytest

from steps.__main__ import ended


def test_a_mistake_of_ours_shows_what_others_wrote_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> None:
        raise KeyError("\x1b[2Jnothing to see")

    assert ended(run) == 1
    shown = capsys.readouterr().err
    assert "KeyError" in shown
    assert "\x1b" not in shown
