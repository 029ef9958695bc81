"""The step vouch: an environment that delivers on merge signs what it has rolled out, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.steps.chain import STAGINGS, Chain
from tests.steps.commit import DIGEST, IMAGE, MARK_TYPE
from tests.steps.conftest import Result
from tests.steps.deploy.step import reason


def vouch(chain: Chain, merge: str, **changed: str | Path) -> Result:
    """The last step of the one in the middle."""
    root = chain.sandbox.root
    chain.sandbox.file("key/password", "the password\n")
    env: dict[str, str | Path] = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_APPLICATION": "shop",
        "PARAM_HEAD_SHA": merge,
        "PARAM_PULL_REQUEST": "7",
        "ENVIRONMENT": "preproduction",
        "RUN": "run-1",
        "CONTENT": root / "content.json",
        "MARK_KEY": root / "key",
        "MARK_TYPE": MARK_TYPE,
        "DOCKER_CONFIG": "/credentials/registry",
        "INSECURE": "false",
        "SCRATCH": root,
        "RESULT_IMAGE_PATH": root / "image",
        "RESULT_REASON_PATH": root / "reason",
        "RESULT_SERVED_PATH": root / "served",
    }
    return chain.sandbox.step("vouch", **env | changed)


# What the one in the middle is given: staging builds, so that it is no chain for it.
MIDDLE = {"ENVIRONMENT": "preproduction", "PROMOTES_FROM": "staging", "AFTER_ROLLOUT_OF": "", "PUBLIC_KEY": STAGINGS}


def test_the_one_in_the_middle_vouches_for_the_merge_that_it_has_rolled_out(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    chain.signs(STAGINGS, "staging", head)
    assert chain.step("promote", merge, head, **MIDDLE).code == 0
    result = vouch(chain, merge)
    assert result.code == 0, result.err
    said = json.loads((chain.sandbox.root / "mark.json").read_text())
    assert {name: said[name] for name in ("environment", "headSha", "digest", "repository", "application", "tree")} == {
        "environment": "preproduction",
        "headSha": merge,
        "digest": DIGEST,
        "repository": "acme/shop",
        "application": "shop",
        "tree": chain.shop.git("rev-parse", f"{merge}^{{tree}}"),
    }
    tags = [call[2] for call in chain.sandbox.called("crane") if call[0] == "tag"]
    assert tags == [f"{merge}-preproduction", merge]
    assert reason(chain.sandbox).startswith("serves on staging: sha256:"), "the workload namespace of this test"


@pytest.mark.parametrize("step", ["promote", "merge"])
def test_what_was_not_rolled_out_is_not_vouched_for(chain: Chain, merged: tuple[str, str], step: str) -> None:
    """A later merge runs already: the step ends well, with an image. Or it has proven it, and people are to approve."""
    merge, head = merged
    chain.signs(STAGINGS, "staging", head)
    chain.runs(chain.overtaken())
    tree = chain.shop.git("rev-parse", "HEAD:shop")
    chain.signs(STAGINGS, "staging", head, paths={"shop": f"100644 {tree}"})
    result = chain.step(step, merge, head, **MIDDLE, PARAM_PATHS="shop")
    assert result.code == 0, result.err
    assert (chain.sandbox.root / "image").read_text() == f"{IMAGE}@{DIGEST}"
    if step == "promote":
        assert reason(chain.sandbox) == "superseded: what runs was merged later"
    result = vouch(chain, merge)
    assert result.code == 0, result.err
    assert "nothing was rolled out here, so nothing is signed" in result.out
    assert not [call for call in chain.sandbox.called("cosign") if call[0] == "attest"]
    assert not [call for call in chain.sandbox.called("crane") if call[0] == "tag"]


def test_what_cannot_be_signed_is_told(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    chain.signs(STAGINGS, "staging", head)
    assert chain.step("promote", merge, head, **MIDDLE).code == 0
    chain.sandbox.stub("cosign", "exit 1")
    assert vouch(chain, merge).code == 1
    assert reason(chain.sandbox).endswith("but it could not be signed, so that nothing is promoted from here")
    assert not [call for call in chain.sandbox.called("crane") if call[0] == "tag"], "no tag leads to it"


def test_a_rollout_that_fails_in_the_middle_is_not_said_to_serve(chain: Chain, merged: tuple[str, str]) -> None:
    merge, head = merged
    chain.signs(STAGINGS, "staging", head)
    result = chain.step("promote", merge, head, **MIDDLE, PARAM_SMOKE_URL="http://127.0.0.1:9/", PARAM_SMOKE_SECONDS="0")
    assert result.code == 1
    chain.unchanged()
