"""The step deploy.sh of staging: what it is to roll out in place of what serves, and the reason it gives."""

from pathlib import Path

from tests.tasks.scripts.conftest import Result, Sandbox

OLD = "registry.internal:5000/shop@sha256:" + "a" * 64
NEW = "registry.internal:5000/shop@sha256:" + "b" * 64
SHA = "0123456789abcdef0123456789abcdef01234567"
OLD_NOTES = {"tekton-delivery/commit": "c" * 40, "tekton-delivery/pull-request": "6", "mine": "stays"}


def deploy(sandbox: Sandbox, image: str = NEW, **changed: str | Path) -> Result:
    return sandbox.run("deploy", **given(sandbox, image) | changed)


def cancel(sandbox: Sandbox, when: str, **changed: str | Path) -> Result:
    return sandbox.cancel("deploy", sandbox.root / when, **given(sandbox) | changed)


def given(sandbox: Sandbox, image: str = NEW) -> dict[str, str | Path]:
    sandbox.file("image", image)
    return {
        "MARK_PATH": "",
        "APPROVED_BY_PATH": "",
        "BASE_PATH": "",
        "PARAM_HEAD_SHA": SHA,
        "PARAM_PULL_REQUEST": "7",
        "PARAM_MERGE_SHA": "",
        "PARAM_MERGED_BY": "",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_CONTAINER": "app",
        "PARAM_TIMEOUT": "60s",
        "ROLLOUT_SECONDS": "60",
        "NAMESPACE": "staging",
        "RUN": "run-1",
        "PARAM_SMOKE_URL": "",
        "PARAM_SMOKE_STATUS": "200",
        "PARAM_SMOKE_CONTAINS": "",
        "PARAM_SMOKE_SECONDS": "0",
        "FIELD_MANAGER": "tekton-delivery",
        "HISTORY": sandbox.root / "history",
        "SCRATCH": sandbox.root,
        "RESULT_IMAGE_PATH": sandbox.root / "image",
        "RESULT_REASON_PATH": sandbox.root / "reason",
    }


def reason(sandbox: Sandbox) -> str:
    text = (sandbox.root / "reason").read_bytes().decode()
    assert "\n" not in text
    return text
