"""The admission policy on deploys: what a deployer notes on a Deployment has its form, and tells what was."""

import json

import pytest

from tests.support import Declared
from tests.test_policies_deploys import EVIL, HAND, IMAGE, OTHER, deploy, entry, noted
from tests.test_routing import SHA


def rolling(image: str, former: str, run: str = "run-1") -> str:
    """What is being rolled out, as rollout.sh notes it."""
    return f'{{"image":"{image}","former":"{former}","run":"{run}"}}'


@pytest.mark.parametrize(
    ("running", "old", "image", "new"),
    [
        (OTHER, None, IMAGE, rolling(IMAGE, OTHER)),
        (HAND, None, IMAGE, rolling(IMAGE, HAND)),
        (IMAGE, None, IMAGE, rolling(IMAGE, IMAGE)),
        (IMAGE, rolling(IMAGE, OTHER), IMAGE, rolling(IMAGE, OTHER, "run-2")),
        (IMAGE, rolling(IMAGE, OTHER), OTHER, rolling(OTHER, OTHER)),
        (IMAGE, f'{{"image": "{IMAGE}", "former": "{HAND}"}}', OTHER, rolling(OTHER, HAND)),
        (IMAGE, f'{{"image":"{IMAGE}"}}', OTHER, rolling(OTHER, IMAGE)),
        (HAND, rolling(IMAGE, OTHER), IMAGE, rolling(IMAGE, HAND)),
        (IMAGE, "x", OTHER, rolling(OTHER, IMAGE)),
        (IMAGE, rolling(IMAGE, OTHER), OTHER, None),
        (IMAGE, rolling(IMAGE, IMAGE), IMAGE, None),
        (HAND, rolling(IMAGE, OTHER), IMAGE, None),
        (IMAGE, "x", IMAGE, None),
    ],
    ids=[
        "next",
        "by-hand",
        "same",
        "killed",
        "back",
        "blanks",
        "no-former",
        "overtaken",
        "unreadable",
        "went-back",
        "same-again",
        "about-another",
        "unreadable-goes",
    ],
)
def test_a_deployer_notes_what_it_rolls_out(
    single: Declared, running: str, old: str | None, image: str, new: str | None
) -> None:
    assert deploy(single, noted(single, image, rolling_out=new), noted(single, running, rolling_out=old)) == []


def test_what_is_being_rolled_out_stays_noted_until_it_got_ready_or_went(single: Declared) -> None:
    """Without it nobody knows what to go back to, and what never got ready counts as what served."""
    live = noted(single, IMAGE, rolling_out=rolling(IMAGE, OTHER))
    assert deploy(single, noted(single, IMAGE, history=f"[{entry()}]"), live) == []
    for image, notes in ((IMAGE, {}), (IMAGE, {"commit": SHA}), (UNMERGED, {}), (HAND, {})):
        refused = deploy(single, noted(single, image, **notes), live)
        assert "the deployer takes that note away as it goes back, or records what got ready" in refused


UNMERGED = IMAGE.replace("a" * 64, "e" * 64)


@pytest.mark.parametrize(
    ("old", "image", "new"),
    [
        (None, OTHER, rolling(OTHER, UNMERGED, "x")),
        (None, IMAGE, rolling(IMAGE, UNMERGED)),
        (None, IMAGE, rolling(IMAGE, EVIL)),
        (None, IMAGE, rolling(OTHER, OTHER)),
        (rolling(OTHER, HAND), IMAGE, rolling(IMAGE, OTHER)),
        (rolling(OTHER, IMAGE), OTHER, rolling(OTHER, UNMERGED)),
        (None, IMAGE, f'{{"former":"{OTHER}","image":"{IMAGE}","run":"r"}}'),
        (None, IMAGE, f'{{"image":"{IMAGE}","former":"{OTHER}"}}'),
        (None, IMAGE, rolling(IMAGE, OTHER, f'r","former":"{UNMERGED}')),
        (None, IMAGE, rolling(IMAGE, OTHER, "x" * 64)),
        (None, IMAGE, rolling(IMAGE, OTHER) + "\n"),
        (None, IMAGE, f'{{"image":"{IMAGE}","former":"{OTHER}","run":{{"former":"{UNMERGED}"}}}}'),
    ],
)
def test_a_deployer_makes_nothing_what_served_that_did_not(single: Declared, old: str | None, image: str, new: str) -> None:
    refused = deploy(single, noted(single, image, rolling_out=new), noted(single, OTHER, rolling_out=old))
    assert refused == ["the deployer notes what it rolls out, and what served until then to go back to"]


FIRST = f'{{"image":"{IMAGE}","commit":null,"pullRequest":null}}'


@pytest.mark.parametrize(
    ("note", "values"),
    [
        ("commit", [SHA]),
        ("merge_commit", [SHA]),
        ("pull_request", ["1", "2147483647"]),
        ("digest", [IMAGE.split("@")[1]]),
        ("run", ["shop-production-7-0123abcd-20261122120000-promote", "r", "x" * 63]),
        ("merged_by", ["ana", "renovate[bot]", "a_b.c-d"]),
        ("delivered_at", ["2026-11-22T12:00:00Z"]),
        ("before", ["[]", f"[{FIRST}]", f"[{','.join([FIRST, entry()])}]"]),
    ],
)
def test_notes_have_the_form_that_deliveries_write(single: Declared, note: str, values: list[str]) -> None:
    for value in values:
        assert deploy(single, noted(single, **{note: value}), noted(single)) == []
    assert deploy(single, noted(single), noted(single, **{note: values[0]})) == [], "it may go"
    assert deploy(single, noted(single, **{note: "by hand"}), noted(single, **{note: "by hand"})) == [], (
        "what is there may stay"
    )


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("commit", "x" * 4096),
        ("commit", SHA + "\n"),
        ("commit", ""),
        ("merge_commit", "--output=x"),
        ("merge_commit", "HEAD"),
        ("pull_request", "0"),
        ("pull_request", "12345678901"),
        ("digest", "sha256:abc"),
        ("run", "x" * 64),
        ("run", "Run"),
        ("merged_by", "ana\nbob"),
        ("merged_by", "<b>"),
        ("delivered_at", "yesterday"),
        ("delivered_at", "2026-11-22T12:00:00Z\u202e"),
        ("before", "[null]"),
        ("before", f"[{FIRST},]"),
        ("before", f"[{FIRST}{FIRST}]"),
        ("before", f"[{FIRST.replace('null', json.dumps('x' * 1000), 1)}]"),
        ("before", f'[{FIRST[:-1]},"more":1}}]'),
    ],
)
def test_a_note_of_another_form_blocks_no_later_deploy(single: Declared, note: str, value: str) -> None:
    refused = deploy(single, noted(single, **{note: value}), noted(single))
    assert refused == ["the deployer writes its notes in the form of those that deliveries write"]


def with_field(field: str) -> str:
    return f"[{entry()[:-1]},{field}}}]"


@pytest.mark.parametrize(
    "field",
    [
        '"mark":[1,]',
        '"mark":[1]',
        '"mark":"x"',
        '"mark":{"a":[1,]}',
        '"mark":{"a":[1 2]}',
        '"mark":{"a":{"b":"c",}}',
        '"mark":{"a":"b""c":"d"}',
        '"mark":{"a":"b"\n}',
        '"mark":{"a":"\n"}',
        '"mark":{"a":"\\x"}',
        '"mark":{"a":01}',
        '"mark":null',
        '"mergeCommit":{"a":"b"}',
        '"mergedBy":["a"]',
        '"run":null',
        '"at":5',
        '"at":"\x00"',
        '"approvedBy":"ana"',
        '"approvedBy":[1]',
        '"approvedBy":["a",]',
        '"approvedBy":["a""b"]',
        f'"mark":{{"a":"{"x" * 8192}"}}',
        f'"mark":{{"a":"{"ü" * 4096}"}}',
    ],
)
def test_a_deployer_adds_nothing_that_cannot_be_read(single: Declared, field: str) -> None:
    assert len(deploy(single, noted(single, history=with_field(field)), noted(single))) == 1
    assert deploy(single, noted(single, history=f"[,{entry()}]"), noted(single)) != []


@pytest.mark.parametrize(
    "field",
    [
        '"mark":{}',
        '"mark":{"a":"\\n\\u001f\\/ü","b":[1,"c",null],"d":{"e":null,"f":10},"g":0,"h":[],"i":{}}',
        '"approvedBy":[]',
        '"approvedBy":["ana","b\\\\c"]',
    ],
)
def test_a_deployer_adds_what_deliveries_write(single: Declared, field: str) -> None:
    json.loads(with_field(field))
    assert deploy(single, noted(single, history=with_field(field)), noted(single)) == []


def padded(size: int) -> str:
    return entry(at="x" * size)


@pytest.mark.parametrize(
    ("old", "kept", "allowed"),
    [
        ([padded(8000)] * 8, [padded(8000)] * 7, True),
        ([padded(8000)] * 8, [padded(8000)] * 2, True),
        ([padded(65300)], [], True),
        ([padded(8000)] * 7, [padded(8000)] * 6, False),
        ([padded(8000)] * 7, [], False),
        ([*[padded(8000)] * 8, entry()], [padded(8000)] * 7, False),
        ([*[padded(8000)] * 8, entry()], [padded(7999)], False),
    ],
    ids=["one", "more", "all", "fits", "all-fit", "from-the-middle", "written-anew"],
)
def test_the_oldest_go_where_the_record_would_outgrow_its_bound(
    single: Declared, old: list[str], kept: list[str], allowed: bool
) -> None:
    new = noted(single, history=f"[{','.join([*kept, entry()])}]")
    assert (deploy(single, new, noted(single, history=f"[{','.join(old)}]")) == []) is allowed


def test_a_record_that_is_no_list_is_started_anew(single: Declared) -> None:
    assert deploy(single, noted(single, history=f"[{entry()}]"), noted(single, history="by hand")) == []


def awaiting(count: int) -> dict[str, str]:
    return {f"awaits_approval_{number}": "{}" for number in range(1, count + 1)}


def test_a_deployer_notes_no_more_than_twenty_merges_that_wait(single: Declared) -> None:
    assert deploy(single, noted(single, **awaiting(20)), noted(single, **awaiting(19))) == []
    assert len(deploy(single, noted(single, **awaiting(21)), noted(single, **awaiting(20)))) == 1
    assert deploy(single, noted(single, **awaiting(29)), noted(single, **awaiting(30))) == [], "one may always go"
    assert len(deploy(single, noted(single, awaits_approval_7="x" * 1025), noted(single))) == 1
    assert deploy(single, noted(single, awaits_approval_7="x" * 1024), noted(single)) == []
