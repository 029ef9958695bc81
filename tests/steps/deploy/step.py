"""A rollout of staging: what is to serve in place of what does, and the reason that it gives."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steps.deploy import Delivery, Deploy
from steps.head import Head
from steps.inputs import read
from steps.kubernetes import Access, Kubernetes
from steps.rollout import Target
from steps.smoke import Smoke
from tests.steps.conftest import Sandbox
from tests.steps.fetching import fetched
from tests.tasks.scripts.conftest import Result

OLD = "registry.internal:5000/shop@sha256:" + "a" * 64
NEW = "registry.internal:5000/shop@sha256:" + "b" * 64
SHA = "0123456789abcdef0123456789abcdef01234567"
OLD_NOTES = {"tekton-delivery/commit": "c" * 40, "tekton-delivery/pull-request": "6", "mine": "stays"}


def deploy(
    sandbox: Sandbox,
    image: str = NEW,
    *,
    merge_sha: str = "",
    history: str = "",
    looked: float | None = None,
    mark: Mapping[str, Any] | None = None,
    approved_by: list[str] | None = None,
    moved: str = "",
    head: Head | None = None,
    **changed: str | Path,
) -> Result:
    """Roll an image out, or, with the reason `moved`, end where the base branch has moved on."""

    def run(env: Mapping[str, str]) -> None:
        with Kubernetes(read(Access, env)) as api:
            past = fetched(history, looked) if history else None
            made = Deploy(api, read(Target, env), read(Smoke, env), past, head)
            if moved:
                made.moved_on(merge_sha, moved)
                return
            merged = {"merge_sha": merge_sha, "merged_by": "alice"} if merge_sha else {}
            made.run(Delivery(image=image, commit=SHA, mark=mark, approved_by=approved_by, **merged))

    return sandbox.part(run, **given(sandbox) | changed)


def given(sandbox: Sandbox) -> dict[str, str | Path]:
    assert sandbox.cluster
    return {
        "PARAM_PULL_REQUEST": "7",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_CONTAINER": "app",
        "PARAM_TIMEOUT": "60s",
        "ROLLOUT_SECONDS": "1" if sandbox.cluster.broken else "60",
        "NAMESPACE": "staging",
        "RUN": "run-1",
        "PARAM_SMOKE_URL": "",
        "PARAM_SMOKE_STATUS": "200",
        "PARAM_SMOKE_CONTAINS": "",
        "PARAM_SMOKE_SECONDS": "0",
        "RESULT_REASON_PATH": sandbox.root / "reason",
    }


LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + "1" * 64, "size": 1}
MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "2" * 64, "size": 1},
    "layers": [LAYER],
}


def cancel(sandbox: Sandbox, when: str, **changed: str | Path) -> Result:
    """Start the step that stages an image, and end it once a file is there."""
    manifest = sandbox.file("manifest", json.dumps(MANIFEST))
    config = sandbox.file("config", json.dumps({"os": "linux", "architecture": "amd64"}))
    sandbox.stub("crane", f"case $1 in manifest) cat '{manifest}' ;; config) cat '{config}' ;; esac")
    env = given(sandbox) | {
        "PARAM_HEAD_SHA": SHA,
        "PARAM_IMAGE": NEW.partition("@")[0],
        "PARAM_QUARANTINE_IMAGE": "quarantine.internal:5001/shop",
        "PARAM_DIGEST": NEW.partition("@")[2],
        "PLATFORM": "linux/amd64",
        "MAX_IMAGE_SIZE": "1Gi",
        "DOCKER_CONFIG": "/credentials/registry",
        "INSECURE": "false",
        "PARAM_REPOSITORY_URL": "/nowhere",
        "PARAM_BASE_BRANCH": "main",
        "PARAM_PATHS": "",
        "PARAM_REF": "",
        "HISTORY": sandbox.root / "history",
        "CONTENT": sandbox.root / "content.json",
        "RESULT_IMAGE_PATH": sandbox.root / "image",
    }
    return sandbox.cancelled("stage", sandbox.root / when, **env | changed)


def reason(sandbox: Sandbox) -> str:
    text = (sandbox.root / "reason").read_bytes().decode()
    assert "\n" not in text
    return text
