"""The step promote as a whole: from a merge to what serves, and what ends it before."""

import json
from pathlib import Path
from unittest import mock

import pytest

from components.tasks.git import SSH as OVER_SSH
from tests.steps.commit import DIGEST, IMAGE
from tests.steps.conftest import SSH, Result, Sandbox
from tests.steps.deploy.step import OLD, OLD_NOTES, given, reason
from tests.steps.proving import PROVING, signed
from tests.steps.test_merges import Shop

SOURCE = "staging.example/shop"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def promote(
    sandbox: Sandbox,
    shop: Shop,
    merge: str,
    head: str,
    *,
    step: str = "promote",
    mark: dict[str, object] | None = None,
    **changed: str | Path,
) -> Result:
    """Run the step where staging has run and signed the head, and said more of it."""
    cluster = sandbox.cluster if step == "approved" and sandbox.cluster else sandbox.serve(image=OLD, notes=OLD_NOTES)
    approval = {"data": {"digest": DIGEST, "approver": "ana"}}
    cluster.put("approvals.json", {"metadata": {"resourceVersion": "1"}, "items": [approval]})
    sandbox.stub("ssh", SSH)
    sandbox.stub("crane", f"echo {DIGEST}")
    sandbox.stub("oras")
    signed(
        sandbox,
        {
            "repository": "acme/shop",
            "application": "shop",
            "headSha": head,
            "tree": shop.git("rev-parse", f"{head}^{{tree}}"),
            "digest": DIGEST,
            "environment": "staging",
        }
        | (mark or {}),
    )
    places = {f"RESULT_{name.upper()}_PATH": sandbox.root / name for name in ("touched", "base", "image")}
    merged = {
        "PARAM_REPOSITORY_URL": f"ssh://git@forge.internal:2222{shop.folder}",
        "PARAM_PATHS": "",
        "PARAM_HEAD_SHA": head,
        "PARAM_MERGE_SHA": merge,
        "PARAM_MERGED_BY": "alice",
        "HISTORY": sandbox.root / "history",
        "MARK": sandbox.root / "mark",
        "SCRATCH": sandbox.root,
    }
    return sandbox.step(step, **dict(OVER_SSH.env) | PROVING | given(sandbox) | places | merged | changed)


def test_what_staging_ran_serves_and_is_noted_with_its_proof(sandbox: Sandbox, shop: Shop) -> None:
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    result = promote(sandbox, shop, merge, head)
    assert result.code == 0, result.err
    assert sandbox.cluster
    assert sandbox.cluster.image == f"{IMAGE}@{DIGEST}" == (sandbox.root / "image").read_text()
    (entry,) = json.loads(sandbox.cluster.notes["history"])
    assert (entry["mergeCommit"], entry["mergedBy"], entry["mark"]["headSha"]) == (merge, "alice", head)
    assert json.loads((sandbox.root / "mark").read_text()) == entry["mark"]
    assert reason(sandbox).startswith("serves on staging: sha256:")


def test_an_older_merge_never_replaces_a_newer_one(sandbox: Sandbox, shop: Shop) -> None:
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    result = promote(sandbox, shop, merge, head)
    assert result.code == 0, result.err
    shop.branch("later", "two", file="mail")
    shop.merge("merge", "later")
    result = promote(sandbox, shop, merge, head, HISTORY=sandbox.root / "again")
    assert result.code == 1
    assert reason(sandbox).startswith(
        "main has moved on since this merge; to ship what it has now: python -m operate rebuild"
    )
    assert sandbox.cluster
    assert sandbox.cluster.verbs() == ["GET deployment"], "nothing is changed"


def test_what_does_not_touch_the_application_ends_well(sandbox: Sandbox, shop: Shop) -> None:
    head = shop.branch("change", "news", file="mail")
    merge = shop.merge("merge", "change")
    result = promote(sandbox, shop, merge, head, PARAM_PATHS="shop")
    assert result.code == 0, result.err
    assert sandbox.cluster
    assert (sandbox.cluster.image, sandbox.cluster.verbs()) == (OLD, [])
    assert (sandbox.root / "touched").read_text() == "no"
    assert (sandbox.root / "image").read_text() == ""
    assert sandbox.called("oras") == []


@pytest.mark.parametrize("approved", ["1", "2"])
def test_people_are_waited_for_between_the_proof_and_the_rollout(sandbox: Sandbox, shop: Shop, approved: str) -> None:
    """In two steps: the first one's results are what people are held to."""
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    proved = promote(sandbox, shop, merge, head, step="merge")
    assert proved.code == 0, proved.err
    assert sandbox.cluster
    assert sandbox.cluster.verbs() == [], "it needs no token"
    assert (sandbox.root / "image").read_text() == f"{IMAGE}@{DIGEST}"
    result = promote(sandbox, shop, merge, head, step="approved", **waits(sandbox, approved))
    assert sandbox.cluster.calls[0] == "GET approvals"
    if approved == "1":
        assert result.code == 0, result.err
        (entry,) = json.loads(sandbox.cluster.notes["history"])
        assert (entry["approvedBy"], entry["mergeCommit"], entry["mark"]["headSha"]) == (["ana"], merge, head)
    else:
        assert (result.code, sandbox.cluster.image) == (1, OLD)
        assert reason(sandbox) == "refused: 1 of 2 approvals came within 1s, asked for from ana"


@pytest.mark.parametrize(("paths", "code"), [("mail", 0), ("", 1)])
def test_what_goes_no_further_waits_for_nobody(sandbox: Sandbox, shop: Shop, paths: str, code: int) -> None:
    """It does not touch the application, or the base branch has moved on."""
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    shop.change(shop="pushed")
    assert promote(sandbox, shop, merge, head, step="merge", PARAM_PATHS=paths).code == 0
    result = promote(sandbox, shop, merge, head, step="approved", **waits(sandbox, "1"))
    assert result.code == code, result.err
    assert sandbox.cluster
    assert "GET approvals" not in sandbox.cluster.calls
    assert sandbox.cluster.image == OLD
    assert reason(sandbox).startswith("main has moved on" if code else "nothing to roll out: the merge does not touch mail")


def waits(sandbox: Sandbox, count: str) -> dict[str, str | Path]:
    return {
        "APPROVERS": "ana",
        "APPROVAL_COUNT": count,
        "APPROVAL_TIMEOUT": "1s",
        "APPROVAL_SECONDS": "0",
        "APPROVALS_NAMESPACE": "staging-ci",
        "PARAM_RUN": "run",
        "RUN_UID": "uid",
    }


def elsewhere(insecure: str) -> dict[str, str]:
    """What the step is given where the environment before this one has a registry of its own."""
    return {
        "PARAM_SOURCE_IMAGE": SOURCE,
        "SOURCE_CONFIG": "/credentials/source",
        "SOURCE_INSECURE": insecure,
        "PUSH_CONFIG": "/credentials/push",
    }


def test_from_another_registry_it_is_proven_copied_and_proven_again(sandbox: Sandbox, shop: Shop) -> None:
    """Each of the two in its own way."""
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    result = promote(sandbox, shop, merge, head, **elsewhere("true"))
    assert result.code == 0, result.err
    asked = [call for call in sandbox.calls if call[0] in ("cosign", "oras")]
    calls = [(call[0], next(part for part in call if part.startswith(("staging.", "registry.")))) for call in asked]
    assert calls == [
        ("cosign", f"{SOURCE}@{DIGEST}"),
        ("oras", f"{SOURCE}@{DIGEST}"),
        ("cosign", f"{IMAGE}@{DIGEST}"),
    ]
    first, second = sandbox.called("cosign")
    assert "--allow-http-registry" in first
    assert "--allow-http-registry" not in second
    assert sandbox.cluster
    assert sandbox.cluster.image == f"{IMAGE}@{DIGEST}"


def test_a_mark_that_stayed_behind_is_no_proof_of_the_copy(sandbox: Sandbox, shop: Shop) -> None:
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    made = sandbox.stub

    def stub(name: str, body: str = "") -> None:
        made(name, f'case "$2" in {IMAGE}@*) exit 1 ;; esac\n{body}' if name == "cosign" else body)

    sandbox.stub = stub  # type: ignore[method-assign]
    with mock.patch("steps.prove._COPY_SECONDS", 0):
        result = promote(sandbox, shop, merge, head, **elsewhere("false"))
    assert result.code == 1
    assert "staging has not vouched for it within" in reason(sandbox)
    assert sandbox.cluster
    assert sandbox.cluster.image == OLD


def test_where_nothing_is_rolled_out_nothing_is_copied(sandbox: Sandbox, shop: Shop) -> None:
    head = shop.branch("change", "news", file="mail")
    merge = shop.merge("merge", "change")
    assert promote(sandbox, shop, merge, head, PARAM_PATHS="shop", **elsewhere("false")).code == 0
    assert sandbox.called("oras") == []
