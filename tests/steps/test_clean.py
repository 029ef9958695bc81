"""The step clean: what a rejected pull request left goes, and nothing that anybody else needs."""

import pytest

from steps import clean as step
from steps.inputs import read
from tests.steps.cleaning import IMAGE, ONE, QUARANTINE, TWO, A, B, C, Cleaner, Registry
from tests.steps.conftest import Sandbox
from tests.steps.server import AT, HANG_UP, Api, Forge
from tests.tasks.scripts.conftest import HOSTILE, Result


@pytest.fixture
def cleaner(sandbox: Sandbox, lists: Api, asked: Forge) -> Cleaner:
    made = Cleaner(sandbox, lists, asked)
    made.needs()
    asked.says("/pulls/7", {"state": "closed", "merged": False})
    return made


@pytest.fixture
def registry(sandbox: Sandbox) -> Registry:
    return Registry(sandbox)


def said(result: Result) -> list[str]:
    """What it logs, once it knows that the pull request was rejected."""
    first, *rest = result.out.splitlines()
    assert first == "#7 is closed unmerged"
    return rest


def test_what_it_left_goes_with_its_marks(cleaner: Cleaner, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    registry.copy(TWO, "7", B)
    registry.copy("3" * 40, "8", C)
    registry.tag("latest", C)
    (mark,) = registry.sign(A, "7")
    registry.tag(f"sha256-{A[7:]}", "sha256:" + "e" * 64)
    cleaner.clean()
    assert registry.deleted[:3] == [f"{IMAGE}@{A}", f"{IMAGE}@{mark}", f"{IMAGE}@sha256:{'e' * 64}"]
    assert registry.deleted[3:] == [f"{IMAGE}@{B}"]


def is_rejected(cleaner: Cleaner) -> bool:
    return step.is_rejected(read(step.Inputs, cleaner.env()))


def test_what_is_closed_unmerged_may_be_deleted(cleaner: Cleaner) -> None:
    assert is_rejected(cleaner)
    assert cleaner.forge.asked == [f"GET {AT}/pulls/7"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"state": "open", "merged": False}, 200),
        ({"state": "closed", "merged": True}, 200),
        ({"state": "closed"}, 200),
        ({"state": "closed", "merged": None}, 200),
        ({"state": "closed", "merged": 0}, 200),
        (b"gone", 200),
        ({}, 404),
        (b"", 200),
        ([], 200),
        ({}, HANG_UP),
    ],
    ids=["opened anew", "merged", "silent", "null", "zero", "no JSON", "refused", "empty", "a list", "no answer"],
)
def test_nothing_else_may(
    cleaner: Cleaner, registry: Registry, capsys: pytest.CaptureFixture[str], answer: object, status: int
) -> None:
    """An event may be an old one, or come from whoever signs one."""
    cleaner.forge.says("/pulls/7", answer, status)
    assert not is_rejected(cleaner)
    assert "nothing is deleted" in capsys.readouterr().out
    registry.copy(ONE, "7", A)
    result = cleaner.clean()
    assert result.out.splitlines()[1:] == ["left as it is: the forge does not say that #7 is rejected"]
    assert registry.calls == []


@pytest.mark.parametrize("opened", ["absent", ""])
def test_without_the_forges_word_nothing_is_deleted(cleaner: Cleaner, registry: Registry, opened: str) -> None:
    """A step that the forge does not know has none."""
    registry.copy(ONE, "7", A)
    token = cleaner.sandbox.root / "absent" if opened else cleaner.sandbox.file("empty")
    result = cleaner.clean(TOKEN_FILE=str(token))
    assert registry.calls == []
    assert cleaner.forge.calls == []
    assert result.out.splitlines() == [
        "the forge does not say what became of #7: nothing is deleted",
        "left as it is: the forge does not say that #7 is rejected",
    ]


def test_several_commits_of_one_image_are_one(cleaner: Cleaner, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    registry.copy(TWO, "7", A)
    registry.copy("3" * 40, "7", B)
    assert said(cleaner.clean()) == [f"deleted: {A}", f"deleted: {B}"]


@pytest.mark.parametrize("kept", [True, False])
def test_what_the_environment_needs_stays(cleaner: Cleaner, registry: Registry, kept: bool) -> None:
    registry.copy(ONE, "7", A)
    cleaner.needs(A if kept else C)
    result = cleaner.clean()
    assert registry.deleted == ([] if kept else [f"{IMAGE}@{A}"])
    assert ("stays" in result.out) == kept


def test_the_same_image_of_another_pull_request_stays(cleaner: Cleaner, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    registry.copy(TWO, "77", A)
    registry.copy("3" * 40, "7", B)
    cleaner.clean()
    assert registry.deleted == [f"{IMAGE}@{B}"]


def test_another_image_of_a_commit_that_another_pull_request_has_stays(cleaner: Cleaner, registry: Registry) -> None:
    """The commit's tags, by which a merge is proven, lead to one of the two."""
    registry.copy(ONE, "7", A)
    registry.copy(ONE, "8", B)
    registry.tag(f"{ONE}-staging", A)
    registry.copy(TWO, "7", C)
    cleaner.clean()
    assert registry.deleted == [f"{IMAGE}@{C}"]


@pytest.mark.parametrize("bundle", [True, False])
@pytest.mark.parametrize(
    ("about", "gone"),
    [(("7",), True), (("7", "7"), True), (("7", "8"), False), (("8",), False), ((None,), False), ((), True)],
)
def test_an_image_of_which_something_else_is_signed_stays(
    cleaner: Cleaner, registry: Registry, about: tuple[str | None, ...], gone: bool, bundle: bool
) -> None:
    registry.copy(ONE, "7", A)
    registry.sign(A, *about, bundle=bundle)
    cleaner.clean()
    assert (f"{IMAGE}@{A}" in registry.deleted) == gone
    assert bool(registry.deleted) == gone


@pytest.mark.parametrize("missing", ["blob", "manifest"])
def test_what_cannot_be_told_stays(cleaner: Cleaner, registry: Registry, missing: str) -> None:
    registry.copy(ONE, "7", A)
    (mark,) = registry.sign(A, "7")
    (registry.folder / f"{missing}-{mark[7:]}").write_text("no JSON")
    cleaner.clean()
    assert registry.deleted == []


@pytest.mark.parametrize(
    "told",
    [None, {}, {"metadata": {}, "spec": {}}, {"metadata": {}, "spec": {"template": {"spec": {"containers": None}}}}],
    ids=["refused", "nothing", "no pod", "no containers"],
)
def test_without_word_of_the_environment_nothing_is_deleted(cleaner: Cleaner, registry: Registry, told: object) -> None:
    registry.copy(ONE, "7", A)
    if told is None:
        cleaner.lists.refuses("/deployments/")
    else:
        cleaner.lists.says("/deployments/", told)
    left = cleaner.clean().out.splitlines()
    assert left[-1] == "left as it is: it is not known what the environment needs"
    assert "nothing is deleted" in left[0]
    assert registry.calls == []


def test_a_registry_that_deletes_nothing_is_told_and_fails_nothing(cleaner: Cleaner, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    (registry.folder / f"refused-{A[7:]}").touch()
    assert "left as it is" in cleaner.clean().out
    assert "UNSUPPORTED: no deletes" in cleaner.clean().out
    (registry.folder / "broken").touch()
    assert said(cleaner.clean()) == ["left as it is: UNAUTHORIZED: who is it?"]


def test_in_quarantine_it_goes_as_well_where_that_is_asked_for(cleaner: Cleaner, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    cleaner.clean(PARAM_QUARANTINE_IMAGE=QUARANTINE, QUARANTINE_INSECURE="true")
    assert registry.deleted == [f"{IMAGE}@{A}", f"{QUARANTINE}@{A}"]
    first, second = (call for call in cleaner.sandbox.called("crane") if call[0] == "delete")
    assert ("--insecure" in first, "--insecure" in second) == (False, True)


@pytest.mark.parametrize("insecure", ["true", "false"])
def test_plain_http_is_asked_for_where_it_is_allowed(cleaner: Cleaner, registry: Registry, insecure: str) -> None:
    registry.copy(ONE, "7", A)
    cleaner.clean(INSECURE=insecure)
    allowed = insecure == "true"
    assert all(("--insecure" in call) == allowed for call in cleaner.sandbox.called("crane"))
    assert [("--plain-http" in call) for call in cleaner.sandbox.called("oras")] == [allowed]


@pytest.mark.parametrize("number", ["", ".*", "7|8", "-7", "7\n", *HOSTILE])
def test_what_is_no_number_of_a_pull_request_deletes_nothing(cleaner: Cleaner, registry: Registry, number: str) -> None:
    registry.copy(ONE, "8", A)
    assert "is no pull request's number" in cleaner.clean(PARAM_PULL_REQUEST=number).out
    assert registry.calls == []
    assert cleaner.forge.calls == []
    assert cleaner.lists.calls == []


def test_of_what_others_wrote_nothing_rewrites_the_log(cleaner: Cleaner, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    (registry.folder / "broken").touch()
    (registry.sandbox.bin / "crane").write_text("#!/bin/sh\nprintf 'no\\033[1m\\n' >&2\nexit 1\n")
    assert said(cleaner.clean()) == ["left as it is: no [1m"]
