"""A repository that has to have a certain number on the forge: one that has taken its name starts nothing."""

from collections.abc import Callable, Mapping
from functools import cache

import pytest

from components import cel
from components.listener import payload as webhooks
from tests.sink import COMMENT, HEADERS, PUSH, deliver, evaluate
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_fork import comment
from tests.test_routing import REPOSITORY, drop, payload, push, put

EVENTS: Mapping[str, tuple[str, Callable[[], Object], Mapping[str, list[str]]]] = {
    "opened": ("staging", lambda: payload("gitea", "opened"), HEADERS),
    "closed unmerged": ("staging", lambda: payload("gitea", "closed_unmerged"), HEADERS),
    "vouched for": ("staging", lambda: comment("gitea"), COMMENT),
    "merged": ("production", lambda: payload("gitea", "closed_merged"), HEADERS),
    "pushed": ("staging", lambda: push("gitea"), PUSH),
}
OTHERS = {
    "another number": put("repository", "id", value=2),
    "a text": put("repository", "id", value="1"),
    "null": put("repository", "id", value=None),
    "none": drop("repository", "id"),
}


@cache
def pinned(stack: str, number: int | None = 1) -> Declared:
    shipped = shipped_config(stack)
    (application,) = shipped["applications"]
    more = {} if number is None else {"repositoryId": number}
    return record_config(shipped | {"applications": [application | more]})


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS.keys())
def test_another_repository_under_the_same_name_starts_nothing(name: str, change: Callable[[Object], None]) -> None:
    stack, made, header = EVENTS[name]
    body = made()
    assert body["repository"]["id"] == 1
    assert len(deliver(pinned(stack), body, header=header)) == 1
    change(body)
    assert deliver(pinned(stack), body, header=header) == []


@pytest.mark.parametrize("name", EVENTS)
def test_without_the_setting_the_name_decides(name: str) -> None:
    stack, made, header = EVENTS[name]
    body = made()
    body["repository"]["id"] = 2
    assert len(deliver(pinned(stack, None), body, header=header)) == 1


def test_a_number_is_held_to_its_own_repository() -> None:
    condition = cel.every(webhooks.pinned({REPOSITORY: 1, "acme/shop": 2**53 - 1}))
    for name, number, expected in (
        (REPOSITORY, 1, True),
        (REPOSITORY, 2**53 - 1, False),
        ("acme/shop", 2**53 - 1, True),
        ("acme/shop", 2**53 - 2, False),
        ("acme/other", 7, True),
    ):
        assert evaluate(condition, {"repository": {"full_name": name, "id": number}}) is expected, (name, number)


def test_nothing_pinned_is_no_condition() -> None:
    assert webhooks.pinned({}) == []
