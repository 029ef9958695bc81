"""How a merge is proven, as a part of the step that promotes."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from steps.history import Content, History, Source
from steps.inputs import read
from steps.prove import Claim, Proof, Results, judged
from steps.registry import Reading, Registry
from steps.result import Outcome
from tests.steps.commit import IMAGE, MARK_TYPE
from tests.steps.conftest import Result, Sandbox

__all__ = ["MARK_TYPE"]

# What is taken whatever the merge is.
PROVING = {
    "PARAM_REPOSITORY": "acme/shop",
    "PARAM_APPLICATION": "shop",
    "PARAM_IMAGE": IMAGE,
    "PARAM_PULL_REQUEST": "7",
    "PARAM_REPOSITORY_URL": "/nowhere",
    "PARAM_BASE_BRANCH": "main",
    "HISTORY": "/nowhere",
    "ENVIRONMENT": "production",
    "PROMOTES_FROM": "staging",
    "STALE_BASE": "refuse",
    "PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----",
    "FORMER_KEYS": "",
    "MARK_TYPE": MARK_TYPE,
    "MARK_MAX_AGE": "",
    "MARK_TIMEOUT": "0",
    "INSECURE": "false",
    "DOCKER_CONFIG": "/credentials/registry",
    # The digest of what was proven where it was copied from.
    "COPIED": "",
}


def verified(statement: dict[str, object]) -> str:
    """A statement as cosign prints it."""
    return json.dumps({"payload": base64.b64encode(json.dumps({"predicate": statement}).encode()).decode()})


def signed(sandbox: Sandbox, *statements: dict[str, object]) -> None:
    """Let cosign find these signed about any image."""
    lines = sandbox.file("verified", "".join(f"{verified(statement)}\n" for statement in statements))
    missing = f"[ -s '{lines}' ] || {{ echo 'Error: no matching attestations' >&2; exit 1; }}"
    sandbox.stub("cosign", f"{missing}\ncat '{lines}'")


def decide(env: Mapping[str, str], history: History, content: Content) -> None:
    """What the step does once the history has been fetched."""
    claim, outcome, results = read(Claim, env), read(Outcome, env), read(Results, env)
    registry = Registry(read(Reading, env), {})
    proof = Proof(claim, outcome, registry, env["PARAM_IMAGE"], env.get("COPIED") or None)
    if judged(claim, outcome, results, read(Source, env).paths, history, content) is None:
        results.hand_on(proof.prove(content))


def prove(sandbox: Sandbox, history: History, content: Content, **changed: str | Path) -> Result:
    """Decide about a merge whose history has been fetched, and hand on what goes on."""
    places = {f"RESULT_{name.upper()}_PATH": sandbox.root / name for name in ("touched", "reason", "base")}
    given = (
        PROVING
        | places
        | {"MARK": sandbox.root / "mark", "SCRATCH": sandbox.root, "RESULT_IMAGE_PATH": sandbox.root / "result"}
    )
    return sandbox.part(lambda env: decide(env, history, content), **given | changed)
