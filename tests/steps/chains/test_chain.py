"""A chain of environments: each that delivers on merge believes the one before alone, and waits for its rollout."""

import json

import pytest

from tests.steps.chain import OWN, STAGINGS, Chain, Clock, nothing
from tests.steps.commit import DIGEST, IMAGE
from tests.steps.deploy.step import reason

LATE = "preproduction has not vouched for it within 0 s, see its status; then: python -m operate retry production shop 7"


def test_what_the_one_before_has_rolled_out_is_promoted(chain: Chain, merged: tuple[str, str]) -> None:
    """The control of all that follow."""
    merge, head = merged
    chain.signs(STAGINGS, "staging", head)
    chain.signs(OWN, "preproduction", merge)
    result = chain.step("promote", merge, head)
    assert result.code == 0, result.err
    assert chain.cluster.image == f"{IMAGE}@{DIGEST}"
    (entry,) = json.loads(chain.cluster.notes["history"])
    assert entry["mark"]["environment"] == "preproduction"
    assert (chain.sandbox.root / "served").read_text() == "yes"


@pytest.mark.parametrize(
    ("key", "environment"),
    [(STAGINGS, "staging"), (STAGINGS, "preproduction"), (OWN, "staging"), (OWN, "production")],
)
def test_the_key_of_staging_does_not_speak_for_the_one_in_the_middle(
    chain: Chain, merged: tuple[str, str], key: str, environment: str
) -> None:
    """Whoever stole it signs the right words, about the head and about the merge; nor does the right key in another name."""
    merge, head = merged
    for commit in merged:
        chain.signs(key, environment, commit)
    result = chain.step("promote", merge, head)
    assert result.code == 1
    assert reason(chain.sandbox) == LATE, "and not: staging has built it"
    assert len(reason(chain.sandbox)) <= 139
    chain.unchanged()


@pytest.mark.parametrize("lie", [{"tree": "0" * 40}, {"repository": "acme/other"}, {"digest": f"sha256:{'0' * 64}"}])
def test_what_the_one_in_the_middle_says_of_something_else_is_no_proof(
    chain: Chain, merged: tuple[str, str], lie: dict[str, object]
) -> None:
    merge, head = merged
    chain.signs(OWN, "preproduction", merge, **lie)
    assert chain.step("promote", merge, head).code == 1
    chain.unchanged()


def test_it_is_waited_for_and_asked_less_and_less_often(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    clock = Clock(*[nothing] * 6, lambda: chain.signs(OWN, "preproduction", merge))
    with clock.passing():
        result = chain.step("promote", merge, head, MARK_TIMEOUT="3600")
    assert result.code == 0, result.err
    assert clock.slept == [2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0]
    assert chain.cluster.image == f"{IMAGE}@{DIGEST}"


def test_the_wait_has_an_end(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    clock = Clock()
    with clock.passing():
        assert chain.step("promote", merge, head, MARK_TIMEOUT="40").code == 1
    assert 40 <= clock.now < 41
    assert reason(chain.sandbox) == LATE.replace("0 s", "40 s")
    chain.unchanged()


def test_without_a_chain_the_mark_is_asked_for_as_ever(chain: Chain, merged: tuple[str, str]) -> None:
    """And what another environment has built is named."""
    merge, head = merged
    chain.signs(STAGINGS, "staging", head)
    clock = Clock()
    with clock.passing():
        assert chain.step("promote", merge, head, MARK_TIMEOUT="8", AFTER_ROLLOUT_OF="").code == 1
    assert set(clock.slept) == {2.0}
    assert reason(chain.sandbox).startswith("staging has built it, not preproduction")


def test_a_merge_that_the_one_before_has_passed_over_is_not_waited_for(chain: Chain, merged: tuple[str, str]) -> None:
    """It rolled out the next one, whose own run ships both: main has moved meanwhile, which alone ends no wait."""
    merge, head = merged
    clock = Clock(
        chain.overtaken, *[nothing] * 6, lambda: chain.signs(OWN, "preproduction", chain.shop.git("rev-parse", "main"))
    )
    with clock.passing():
        result = chain.step("promote", merge, head, MARK_TIMEOUT="3600")
    assert result.code == 1
    assert len(clock.slept) == 8
    assert reason(chain.sandbox) == "preproduction has rolled out what was merged later, which has this too"
    assert (chain.sandbox.root / "base").read_text() == chain.shop.git("rev-parse", "main")
    assert (chain.sandbox.root / "image").read_text() == ""
    chain.unchanged()


def test_what_production_has_by_then_is_no_failure(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged

    def shipped() -> None:
        later = chain.overtaken()
        chain.signs(OWN, "preproduction", later)
        chain.runs(later)

    with Clock(shipped).passing():
        result = chain.step("promote", merge, head, MARK_TIMEOUT="3600")
    assert result.code == 0, result.err
    assert reason(chain.sandbox) == "superseded: what runs was merged later"
    chain.unchanged()


def test_a_merge_that_came_meanwhile_does_not_end_the_wait_for_this_one(chain: Chain, merged: tuple[str, str]) -> None:
    """The one before rolls them out in their order."""
    merge, head = merged
    clock = Clock(chain.overtaken, *[nothing] * 7, lambda: chain.signs(OWN, "preproduction", merge))
    with clock.passing():
        result = chain.step("promote", merge, head, MARK_TIMEOUT="3600")
    assert result.code == 0, result.err
    assert chain.cluster.image == f"{IMAGE}@{DIGEST}"
    assert chain.sandbox.root.joinpath("history", "commits.git").is_dir()


def test_a_forge_that_does_not_answer_meanwhile_ends_no_wait(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    gone = [nothing, lambda: chain.sandbox.stub("ssh", "echo gone >&2; exit 1")]
    clock = Clock(*gone, *[nothing] * 6, lambda: chain.signs(OWN, "preproduction", merge))
    with clock.passing():
        result = chain.step("promote", merge, head, MARK_TIMEOUT="3600")
    assert result.code == 0, result.err
    assert "gone" in result.err


def test_from_another_registry_the_mark_is_waited_for_there_and_copied(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    chain.image = "pre.example/shop"
    source = {"SOURCE_CONFIG": "/credentials/source", "SOURCE_INSECURE": "false", "PUSH_CONFIG": "/credentials/push"}
    clock = Clock(nothing, lambda: chain.signs(OWN, "preproduction", merge))
    with clock.passing():
        result = chain.step("promote", merge, head, **source, PARAM_SOURCE_IMAGE=chain.image, MARK_TIMEOUT="3600")
    assert result.code == 0, result.err
    assert len(clock.slept) == 2
    (copied,) = chain.sandbox.called("oras")
    assert f"{chain.image}@{DIGEST}" in copied
    assert chain.cluster.image == f"{IMAGE}@{DIGEST}"


def test_a_merge_that_does_not_touch_it_waits_for_nobody(chain: Chain) -> None:
    head = chain.shop.branch("change", "news", file="mail")
    merge = chain.shop.merge("merge", "change")
    clock = Clock()
    with clock.passing():
        assert chain.step("promote", merge, head, PARAM_PATHS="shop", MARK_TIMEOUT="3600").code == 0
    assert clock.slept == []
    chain.unchanged()
