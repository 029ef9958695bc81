"""The step proof: what may come back is what a mark speaks of, and nothing that a record says."""

import base64
import json
from pathlib import Path

import pytest

from tests.steps.commit import DIGEST, IMAGE, MARK_TYPE, SHA
from tests.steps.conftest import Result, Sandbox

MERGE = "d" * 40
MARK: dict[str, object] = {
    "repository": "acme/shop",
    "application": "shop",
    "headSha": SHA,
    "tree": "e" * 40,
    "digest": DIGEST,
    "environment": "staging",
    "pullRequest": "7",
}


def prove(sandbox: Sandbox, *marks: dict[str, object], cosign: str = "", **changed: str) -> Result:
    """`marks` are the statements whose signature cosign finds good."""
    lines = [
        json.dumps({"payload": base64.b64encode(json.dumps({"predicate": statement}).encode()).decode()})
        for statement in marks
    ]
    verified = sandbox.file("verified", "".join(f"{line}\n" for line in lines))
    sandbox.stub(
        "cosign", cosign or f"[ -s '{verified}' ] || {{ echo 'no matching attestations' >&2; exit 1; }}; cat '{verified}'"
    )
    env: dict[str, str | Path] = {
        "PARAM_APPLICATION": "shop",
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_IMAGE": IMAGE,
        "VOUCHED_BY": "staging",
        "PARAM_DIGEST": DIGEST,
        "PARAM_COMMIT": SHA,
        "PARAM_MERGE_COMMIT": MERGE,
        "PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----",
        "FORMER_KEYS": "",
        "MARK_KEY": "",
        "MARK_TYPE": MARK_TYPE,
        "INSECURE": "false",
        "DOCKER_CONFIG": "/credentials/registry",
        "SCRATCH": sandbox.root,
        "RESULT_MARK_PATH": sandbox.root / "mark",
        "RESULT_REASON_PATH": sandbox.root / "reason",
    }
    return sandbox.step("proof", **env | changed)


@pytest.mark.parametrize(
    "mark",
    [
        MARK,
        MARK | {"repository": "Acme/SHOP"},
        MARK | {"headSha": MERGE},
        {name: value for name, value in MARK.items() if name != "application"},
    ],
)
def test_a_mark_about_it_proves_it(sandbox: Sandbox, mark: dict[str, object]) -> None:
    result = prove(sandbox, MARK | {"digest": "another"}, mark)
    assert result.code == 0, result.err
    assert json.loads((sandbox.root / "mark").read_text()) == mark
    (call,) = sandbox.called("cosign")
    assert call[:2] == ["verify-attestation", f"{IMAGE}@{DIGEST}"]
    assert call[call.index("--key") + 1] == "env://PUBLIC_KEY"
    assert call[call.index("--type") + 1] == MARK_TYPE
    assert "--allow-http-registry" not in call


@pytest.mark.parametrize(
    "lie",
    [
        {"repository": "acme/other"},
        {"repository": "acme/\u017fhop"},
        {"repository": None},
        {"application": "other"},
        {"headSha": "f" * 40},
        {"headSha": ""},
        {"digest": "sha256:" + "f" * 64},
        {"environment": "production"},
    ],
)
@pytest.mark.parametrize("merge", ["", MERGE])
def test_a_mark_about_something_else_proves_nothing(sandbox: Sandbox, lie: dict[str, object], merge: str) -> None:
    result = prove(sandbox, MARK | lie, PARAM_MERGE_COMMIT=merge)
    assert result.code == 1
    assert (sandbox.root / "reason").read_text() == f"staging has signed nothing about {DIGEST} of {SHA}"
    assert not (sandbox.root / "mark").exists()


def test_what_nobody_signed_is_told_with_what_the_registry_said(sandbox: Sandbox) -> None:
    result = prove(sandbox, cosign="printf 'error: \\033[31mno\\342\\200\\256 attestations\\n' >&2; exit 1")
    assert result.code == 1
    assert "error:  [31mno  attestations" in result.err


def test_where_marks_are_made_it_is_by_that_key(sandbox: Sandbox) -> None:
    sandbox.file("keys/cosign.key", "private")
    sandbox.file("keys/password", "secret")
    verified = base64.b64encode(json.dumps({"predicate": MARK}).encode()).decode()
    stub = f"""
if [ "$1" = public-key ]; then
    [ "$COSIGN_PASSWORD" = secret ] && [ "$3" = '{sandbox.root}/keys/cosign.key' ] && echo public
    exit
fi
[ "$PUBLIC_KEY" = public ] && [ -z "${{COSIGN_PASSWORD:-}}" ] && echo '{{"payload": "{verified}"}}'"""
    result = prove(sandbox, cosign=stub, PUBLIC_KEY="", MARK_KEY=str(sandbox.root / "keys"), INSECURE="true")
    assert result.code == 0, result.err
    assert "--allow-http-registry" in sandbox.called("cosign")[1]


def test_a_former_key_still_counts(sandbox: Sandbox) -> None:
    verified = base64.b64encode(json.dumps({"predicate": MARK}).encode()).decode()
    stub = f"""
for key; do :; done
grep -q second "$key" 2>/dev/null && echo '{{"payload": "{verified}"}}'"""
    former = "".join(f"-----BEGIN PUBLIC KEY-----\n{name}\n-----END PUBLIC KEY-----\n" for name in ("first", "second"))
    assert prove(sandbox, cosign=stub, FORMER_KEYS=former).code == 0
    assert len(sandbox.called("cosign")) == 3
    assert prove(sandbox, cosign=stub).code == 1
