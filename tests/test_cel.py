"""Building CEL: names stay names, whatever is in them, and a table's missing key stops the event."""

import pytest

from components import cel
from components.listener import payload
from tests.sink import EvaluationError, evaluate

HOSTILE = ["plain", "it's", "'", "\\", "\\'", "a' || true || '", '"', "ü", "a/b", "{body}", "' + body.secret + '"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_quoted_text_is_that_text(text: str) -> None:
    assert evaluate(cel.quote(text), {}) == text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_lookup_finds_each_name_and_its_value(name: str) -> None:
    table = {name: "found", "other": "not this"}
    assert evaluate(cel.lookup(table, "body.name"), {"name": name}) == "found"


def test_a_lookup_of_an_unknown_name_fails() -> None:
    with pytest.raises(EvaluationError, match="nobody"):
        evaluate(cel.lookup({"acme/shop": "shop"}, "body.name"), {"name": "nobody"})


@pytest.mark.parametrize(("values", "expected"), [(["true"], True), (["true", "false"], False), (["true"] * 3, True)])
def test_every_condition_must_hold(values: list[str], expected: bool) -> None:
    assert evaluate(cel.every(values), {}) is expected


def test_a_hostile_repository_name_does_not_open_the_filter() -> None:
    name = "acme/x'] || body.repository.full_name in ['acme/shop"
    known = payload.known_pull_request("github", {name: "main"})
    body = {"repository": {"full_name": "acme/shop"}, "pull_request": {"base": {"repo": {"full_name": "acme/shop"}}}}
    assert evaluate(known, body) is False


@pytest.mark.parametrize(
    ("forge", "action", "expected"),
    [
        ("github", "synchronize", True),
        ("github", "synchronized", False),
        ("gitea", "synchronized", True),
        # GitHub's published bodies are replayed at Gitea's listener.
        ("gitea", "synchronize", True),
        ("github", "closed", False),
        ("gitea", "closed", False),
    ],
)
def test_each_forge_has_its_word_for_an_update(forge: str, action: str, expected: bool) -> None:
    pull = {"state": "open", "draft": False, "base": {"ref": "main"}, "head": {"ref": "greeting"}}
    body = {"action": action, "repository": {"full_name": "acme/shop"}, "pull_request": pull}
    assert evaluate(payload.to_stage(forge, {"acme/shop": "main"}), body) is expected


def test_expressions_have_the_types_that_tekton_needs() -> None:
    """A filter that is no boolean, or a name that is no text, would be found out at the first webhook only."""
    pull: dict[str, object] = {
        "state": "open",
        "merged": True,
        "merge_commit_sha": "0" * 40,
        "updated_at": "2026-11-22T17:20:01Z",
    }
    pull |= {"draft": False, "base": {"ref": "main"}, "head": {"sha": "a" * 40, "ref": "greeting"}}
    body = {"action": "opened", "number": 7, "repository": {"full_name": "acme/shop"}, "pull_request": pull}
    base_branches = {"acme/shop": "main"}
    for expression in (
        payload.to_stage("github", base_branches),
        payload.rejected("gitea", base_branches),
        payload.merged(base_branches),
    ):
        assert isinstance(evaluate(expression, body), bool)
    name = evaluate(payload.run_name("staging", "pull-request"), body, extensions={"application": "shop"})
    assert name == "shop-staging-7-aaaaaaaa-20261122172001"
