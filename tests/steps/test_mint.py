"""The step mint: a token of an hour for each repository, that reads it and nothing else, in one Secret."""

import json
from typing import Any

import pytest

from steps.mint import EXPIRES
from steps.signals import CODE
from tests.steps.conftest import Sandbox
from tests.steps.minter import READS, SECRET, SHOP, TILL, Clock, at, data, given, installed, mint, token, written
from tests.steps.server import Api, Forge


@pytest.fixture
def app(asked: Forge) -> Forge:
    return installed(asked)


def test_each_repository_gets_a_token_of_its_own(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    result = mint(sandbox, app, lists)
    assert result.code == CODE, result.err
    assert [(call.path.partition("/app")[2], call.body) for call in app.calls] == [
        (SHOP, {"repositories": ["shop"], "permissions": {"contents": "read"}}),
        (TILL, {"repositories": ["Till"], "permissions": {"contents": "read"}}),
    ]
    (change,) = written(lists)
    assert data(change) == {"acme.shop": "ghs_shop", "globex.till": "ghs_till"}
    until = json.loads(change["metadata"]["annotations"][EXPIRES])
    assert until.keys() == {"acme.shop", "globex.till"}
    (call,) = lists.calls
    assert call.path == f"{SECRET}?fieldManager=tekton-delivery"
    assert call.headers["Content-Type"] == "application/merge-patch+json"
    assert (sandbox.root / "ready").exists()


def test_a_token_is_in_no_log(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    result = mint(sandbox, app, lists)
    assert "minted: acme.shop until 20" in result.out
    assert "ghs_" not in result.out + result.err


def test_new_ones_come_long_before_the_old_ones_end(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    clock = Clock(45)
    mint(sandbox, app, lists, clock)
    assert len(written(lists)) == 3, "at the beginning, after 20 minutes and after 40"
    assert set(clock.waits) == {60.0}
    assert all(clock.ready)


def test_what_is_there_for_no_repository_goes(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """A repository that the stack has no more, and the static token that was there before."""
    mint(sandbox, app, lists, there={"acme.former": "eA==", ".git-credentials": "eA=="})
    _, second = written(lists)
    assert second == {"data": {"acme.former": None, ".git-credentials": None}}


def test_it_goes_once_and_not_before_every_token_is_there(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    """Later a key may be its successor's, or a static token's that Pulumi has written while the minter is still there."""
    app.says(TILL, {}, 501, times=1)
    mint(sandbox, app, lists, Clock(45), there={"acme.former": "eA=="})
    assert [change for change in written(lists) if "metadata" not in change] == []
    mint(sandbox, app, lists, Clock(45), there={"acme.former": "eA=="})
    assert [change for change in written(lists) if "metadata" not in change] == [{"data": {"acme.former": None}}]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"permissions": READS | {"statuses": "write"}}, "statuses: write"),
        ({"permissions": READS | {"contents": "write"}}, "contents: write"),
        ({"repository_selection": "all"}, "every repository"),
        ({"repositories": [{"full_name": "acme/shop"}, {"full_name": "acme/payroll"}]}, "acme/payroll"),
    ],
)
def test_a_token_that_opens_more_is_put_nowhere(
    sandbox: Sandbox, app: Forge, lists: Api, answer: dict[str, Any], word: str
) -> None:
    app.says(SHOP, token("ghs_shop", "acme/shop", **answer), 201)
    result = mint(sandbox, app, lists)
    assert result.code == 1
    assert f"error: acme/shop: the forge's token for it opens more, {word}" in result.err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]
    assert not (sandbox.root / "ready").exists()


@pytest.mark.parametrize("answer", [{"permissions": ["contents"]}, {"repositories": ["acme/shop"]}, {"repositories": 1}])
def test_an_answer_of_another_form_keeps_no_other_token_back(
    sandbox: Sandbox, app: Forge, lists: Api, answer: dict[str, Any]
) -> None:
    app.says(SHOP, token("ghs_shop", "acme/shop", **answer), 201)
    assert "error: acme/shop: the forge does not say what its token opens" in mint(sandbox, app, lists).err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]


@pytest.mark.parametrize("until", [None, "soon", 5, "2030-01-01T00:00:00", "2030-01-01"])
def test_a_token_without_an_end_is_none(sandbox: Sandbox, app: Forge, lists: Api, until: Any) -> None:
    app.says(SHOP, token("ghs_shop", "acme/shop", expires_at=until), 201)
    assert "does not say until when" in mint(sandbox, app, lists).err


@pytest.mark.parametrize("minutes", [-60, 0, 20, 180, 600])
def test_a_token_that_has_ended_or_is_not_of_an_hour_takes_no_good_ones_place(
    sandbox: Sandbox, app: Forge, lists: Api, minutes: float
) -> None:
    """As far as the node's clock tells; the next one comes in 20 minutes."""
    until = at(minutes)
    app.says(SHOP, token("ghs_shop", "acme/shop", expires_at=until), 201)
    result = mint(sandbox, app, lists)
    assert f"error: acme/shop: the forge's token for it ends at {until}, which is no hour from now, 20" in result.err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]
    assert not (sandbox.root / "ready").exists()


@pytest.mark.parametrize("text", ["", "two words", "a\nb", "a\n", "caf\u00e9", "a@b", "a/../b?c", "x" * 4097, 5, None])
def test_what_has_no_tokens_form_is_none(sandbox: Sandbox, app: Forge, lists: Api, text: Any) -> None:
    app.says(SHOP, token(text, "acme/shop"), 201)
    assert "no token (status 201): no answer that holds one" in mint(sandbox, app, lists).err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]


@pytest.mark.parametrize("text", ["ghs_" + "a" * 36, f"ghs_123456_{'e' * 100}.{'f' * 300}-_.{'g' * 100}", "v1." + "0f" * 20])
def test_tokens_of_githubs_forms_are(sandbox: Sandbox, app: Forge, lists: Api, text: str) -> None:
    """Today's, the longer one that it has been changing to since 2026, and a former one of GitHub Enterprise Server."""
    app.says(SHOP, token(text, "acme/shop"), 201)
    assert mint(sandbox, app, lists).code == CODE
    assert data(written(lists)[0])["acme.shop"] == text


@pytest.mark.parametrize("field", ["permissions", "repositories"])
@pytest.mark.parametrize("value", [None, "absent", {}, []])
def test_a_forge_that_does_not_say_what_a_token_opens_is_not_believed_that_it_is_little(
    sandbox: Sandbox, app: Forge, lists: Api, field: str, value: Any
) -> None:
    answer = token("ghs_shop", "acme/shop") | {field: value}
    if value == "absent":
        del answer[field]
    app.says(SHOP, answer, 201)
    assert "error: acme/shop: the forge does not say what its token opens" in mint(sandbox, app, lists).err
    assert [data(change) for change in written(lists)] == [{"globex.till": "ghs_till"}]


def test_a_secret_that_it_may_not_write_is_named(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    result = mint(sandbox, app, lists, Clock(refuses=True))
    assert result.code == 1
    assert "error: the Secret basic-auth: " in result.err
    assert "ghs_" not in result.err
    assert not (sandbox.root / "ready").exists()


def test_it_runs_as_its_container_starts_it_until_it_is_told_to_end(sandbox: Sandbox, app: Forge, lists: Api) -> None:
    lists.says("/secrets/", {"data": {}}, method="PATCH")
    result = sandbox.cancelled("mint", sandbox.root / "ready", **given(sandbox, app, lists))
    assert (result.code, result.err) == (CODE, "")
    assert result.out.startswith("minted: acme.shop until ")
