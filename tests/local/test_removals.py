"""What end-to-end tests have removed beside other tests: nothing of it goes unseen."""

import threading

import pytest

from tests.e2e.removals import Removals


def test_tests_go_on_meanwhile_and_the_end_waits() -> None:
    removals, goes_on, removed = Removals(), threading.Event(), []
    removals.begin("a stack", lambda: removed.append("first") if goes_on.wait(5) else None)
    removals.begin("a stack", lambda: removed.append("second"))
    assert removed == []
    goes_on.set()
    removals.check()
    assert removed == ["first", "second"]


def test_what_failed_is_raised_in_the_end_and_once() -> None:
    def fail(name: str) -> None:
        raise ValueError(f"{name} is still there")

    removals, removed = Removals(), []
    removals.begin("a stack", lambda: fail("one"))
    removals.begin("a stack", lambda: removed.append("two"))
    removals.begin("a stack", lambda: fail("three"))
    removals.wait()
    assert removed == ["two"]
    with pytest.raises(ExceptionGroup) as caught:
        removals.check()
    assert [str(error) for error in caught.value.exceptions] == ["one is still there", "three is still there"]
    removals.check()


def test_a_failed_assertion_counts() -> None:
    removals = Removals()
    removals.begin("a stack", lambda: pytest.fail("a namespace is left"))
    with pytest.raises(BaseExceptionGroup, match="not removed"):
        removals.check()


def test_who_needs_a_name_waits_for_that_one_alone() -> None:
    removals, goes_on, removed = Removals(), threading.Event(), []
    removals.begin("one", lambda: removed.append("one"))
    removals.begin("other", lambda: removed.append("other") if goes_on.wait(5) else None)
    removals.wait("one")
    removals.wait("a third one")
    assert removed == ["one"]
    goes_on.set()
    removals.wait("other")
    assert removed == ["one", "other"]
