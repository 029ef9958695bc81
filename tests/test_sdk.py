"""What is done in place of the SDK's own has the same outcome."""

import pulumi
import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from offline.run import run
from tests import sdk


class Typed(dict[str, object]):
    """As the SDK's types of outputs: a property can have the name of a dict's method."""

    values = ["a"]  # type: ignore[assignment] # noqa: RUF012


@pytest.mark.parametrize("value", [UNKNOWN, {"a": [UNKNOWN]}, [{"a": {"b": UNKNOWN}}], Typed(a=UNKNOWN)])
def test_a_value_that_is_not_known_yet_is_found_wherever_it_lies(value: object) -> None:
    assert sdk.contains_unknowns(value)
    assert rpc.contains_unknowns is sdk.contains_unknowns, "it stands in for the SDK's"


@pytest.mark.parametrize("value", [None, "", {}, [], {"a": [1, "b"]}, Typed(a="b")])
def test_one_that_is_known_holds_none(value: object) -> None:
    assert not sdk.contains_unknowns(value)


def test_the_first_output_that_fails_ends_a_run_with_its_reason() -> None:
    def program() -> None:
        given = pulumi.Output.from_input("text")
        given.apply(lambda text: text.upper())
        given.apply(lambda text: {}[text])

    with pytest.raises(KeyError, match="text"):
        run(program)


def test_what_an_output_makes_of_another_one_is_waited_for() -> None:
    seen: list[str] = []

    def program() -> None:
        pulumi.Output.from_input("a").apply(lambda text: pulumi.Output.from_input(text).apply(seen.append))

    run(program)
    assert seen == ["a"]
