"""What the step report writes into the comment: of a run that failed, of one that waits, and of one that is overtaken."""

from pathlib import Path
from typing import Any

import pytest

from components.masks import fingerprints
from tests.steps.report import Reporter, step, task_run
from tests.steps.test_comment import at
from tests.steps.test_comments import settled
from tests.steps.test_report_log import KEY, SECRET, failed
from tests.steps.test_retell import RUN, reported
from tests.steps.thread import Thread

__all__ = ["settled"]


def commented(reporter: Reporter, runs: list[dict[str, Any]], **changed: str) -> str:
    thread = Thread(reporter.forge)
    result, left = reported(reporter, runs, **{"status": "Failed"} | changed)
    assert (result.code, left) == (0, None), result.err
    (mine,) = thread.mine
    return mine


def test_the_last_lines_of_what_failed_are_in_it_without_the_pods_secrets(reporter: Reporter, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.write_text(fingerprints([SECRET], KEY))
    log = f"```\n@everyone <!-- tekton-delivery end -->\ntoken {SECRET}\nKeyError: 'price'\n1 failed\n"
    reporter.lists.says("/log?", log.encode())
    mine = commented(reporter, [failed()], LOG_MASKS=str(masks))
    assert SECRET not in mine
    assert "KeyError: 'price'\n1 failed\n````\n" in mine
    assert "@everyone <!- - tekton-delivery end -->" in mine
    assert f"{RUN}: step test failed (exit code 1)" in mine
    assert "To run it again: push shop of 12." in mine
    assert "| test |  | failed |" in mine


def test_all_of_a_long_reason_is_in_it(reporter: Reporter) -> None:
    """A status has 139 characters."""
    long = "not ready: " + "because " * 40
    mine = commented(reporter, [task_run("False", step("stage", 1), reason=long)])
    assert long.strip() in mine


def test_what_waits_for_people_is_not_called_failed(reporter: Reporter) -> None:
    mine = commented(reporter, [task_run("False", step("stage", 1), reason="queued: staging is held by ana: by hand")])
    assert "### staging: not yet" in mine
    assert "run it again" not in mine


@pytest.mark.parametrize("suffix", ["/shop"])
def test_each_application_of_a_repository_has_a_section(reporter: Reporter, suffix: str) -> None:
    mine = commented(reporter, [task_run("True", reason="serves")], status="Succeeded", CONTEXT_SUFFIX=suffix)
    assert "### staging/shop: done" in mine


def test_an_overtaken_run_leaves_the_section_of_the_later_one(reporter: Reporter) -> None:
    thread = Thread(reporter.forge)
    runs = [task_run("False", step("stage", 1), reason="told late")]
    reported(reporter, [task_run("True", reason="serves")], PARAM_RUN=at("20261122190000"))
    reported(reporter, runs, status="Failed")
    (mine,) = thread.mine
    assert "told late" not in mine
