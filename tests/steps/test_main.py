"""How a step ends."""

from collections.abc import Mapping

from tests.steps.conftest import Sandbox


def test_a_mistake_of_ours_shows_what_others_wrote_plainly(sandbox: Sandbox) -> None:
    def run(env: Mapping[str, str]) -> None:
        raise KeyError("\x1b[2Jnothing to see")

    result = sandbox.part(run)
    assert result.code == 1
    assert "KeyError" in result.err
    assert "\x1b" not in result.err
