"""needed.sh: nothing is built twice or in vain."""

from pathlib import Path

import pytest

from tests.tasks.scripts.commit import PATHS, at, content
from tests.tasks.scripts.conftest import Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]


@pytest.mark.parametrize(
    ("seen", "always", "expected"),
    [
        ({"touched": True, "tested": False}, "no", "yes"),
        ({"touched": False, "tested": False}, "no", "no"),
        ({"touched": True, "tested": True}, "no", "no"),
        ({"touched": True, "tested": True}, "yes", "yes"),
    ],
)
def test_nothing_is_built_twice_or_in_vain(
    sandbox: Sandbox, repository: Path, seen: dict[str, object], always: str, expected: str
) -> None:
    result = sandbox.run(
        "needed",
        CONTENT=content(sandbox, at(repository, "base"), **seen),
        PARAM_PATHS="\n".join(PATHS),
        PARAM_ALWAYS=always,
        RESULT_NEEDED_PATH=sandbox.root / "needed",
        RESULT_PROMOTABLE_PATH=sandbox.root / "promotable",
        RESULT_REASON_PATH=sandbox.root / "reason",
    )
    assert result.code == 0, result.err
    assert (sandbox.root / "needed").read_text() == expected
    untouched = seen["touched"] is False
    assert (sandbox.root / "promotable").exists() is untouched
    if untouched:
        assert (sandbox.root / "promotable").read_text() == "untouched"
        assert "does not touch services/shop lib" in (sandbox.root / "reason").read_text()
