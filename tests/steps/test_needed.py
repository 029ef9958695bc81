"""The step needed: nothing is built twice or in vain."""

from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import pytest

from steps.history import Content, History
from tests.steps.commit import PATHS
from tests.steps.conftest import Sandbox


def ask(sandbox: Sandbox, seen: dict[str, bool], *, always: str = "no", paths: Iterable[str] = PATHS) -> None:
    """Run the step on commits of which this is seen."""
    content = Content(tree="e" * 40, paths=PATHS, current=True, **seen)
    with mock.patch.object(History, "fetch", return_value=content) as fetch:
        result = sandbox.step(
            "needed",
            PARAM_COMMIT="a" * 40,
            PARAM_MERGED_HEAD="b" * 40,
            PARAM_REPOSITORY_URL="/nowhere",
            PARAM_BASE_BRANCH="main",
            HISTORY=sandbox.root,
            PARAM_PATHS="\n".join(paths),
            PARAM_ALWAYS=always,
            RESULT_NEEDED_PATH=sandbox.root / "needed",
            RESULT_PROMOTABLE_PATH=sandbox.root / "promotable",
            RESULT_REASON_PATH=sandbox.root / "reason",
        )
    assert result.code == 0, result.err
    fetch.assert_called_once_with("a" * 40, "b" * 40, compare=True)


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
    sandbox: Sandbox, repository: Path, seen: dict[str, bool], always: str, expected: str
) -> None:
    ask(sandbox, seen, always=always)
    assert (sandbox.root / "needed").read_text() == expected
    untouched = seen["touched"] is False
    assert (sandbox.root / "promotable").exists() is untouched
    if untouched:
        assert (sandbox.root / "promotable").read_text() == "untouched"
        assert "does not touch services/shop lib" in (sandbox.root / "reason").read_text()
