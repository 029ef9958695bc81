"""copy.sh: out of quarantine by digest, unchanged; what pod 1 says is data, and only a digest is accepted."""

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64


def copy(sandbox: Sandbox, crane: str = "", **changed: str) -> Result:
    sandbox.stub("crane", crane)
    env = {
        "PARAM_QUARANTINE_IMAGE": "quarantine.internal:5001/shop",
        "PARAM_DIGEST": DIGEST,
        "PARAM_IMAGE": "registry.internal:5000/shop",
        "PARAM_HEAD_SHA": SHA,
        "INSECURE": "false",
        "DOCKER_CONFIG": "/credentials/registry",
        "RESULT_IMAGE_PATH": str(sandbox.root / "image"),
    }
    return sandbox.run("copy", **env | changed)


def test_it_copies_by_digest_and_tags_for_people(sandbox: Sandbox) -> None:
    assert copy(sandbox).code == 0
    assert sandbox.called("crane") == [
        ["copy", f"quarantine.internal:5001/shop@{DIGEST}", f"registry.internal:5000/shop:{SHA}"]
    ]


def test_the_result_is_the_image_by_digest_without_a_newline(sandbox: Sandbox) -> None:
    copy(sandbox)
    assert (sandbox.root / "image").read_bytes() == f"registry.internal:5000/shop@{DIGEST}".encode()


def test_plain_http_is_asked_for_where_it_is_allowed(sandbox: Sandbox) -> None:
    copy(sandbox, INSECURE="true")
    assert "--insecure" in sandbox.called("crane")[0]


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "latest",
        "sha256:" + "a" * 63,
        "sha256:" + "A" * 64,
        "sha512:" + "a" * 64,
        DIGEST + " --insecure",
        DIGEST + "\nsecond line",
        "first line\n" + DIGEST,
        *HOSTILE,
    ],
)
def test_what_is_no_digest_is_refused(sandbox: Sandbox, digest: str) -> None:
    result = copy(sandbox, PARAM_DIGEST=digest)
    assert result.code != 0
    assert "error: pod 1 gave no digest but" in result.err
    assert sandbox.calls == []
    assert not (sandbox.root / "image").exists()


def test_a_failed_copy_hands_on_nothing(sandbox: Sandbox) -> None:
    assert copy(sandbox, crane="exit 1").code != 0
    assert not (sandbox.root / "image").exists()
