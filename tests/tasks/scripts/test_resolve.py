"""resolve.sh: the digest that staging built for a head commit, or a clear no."""

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64


def resolve(sandbox: Sandbox, crane: str, **changed: str) -> Result:
    sandbox.stub("crane", crane)
    env = {
        "PARAM_IMAGE": "registry.internal:5000/shop",
        "PARAM_HEAD_SHA": SHA,
        "INSECURE": "false",
        "DOCKER_CONFIG": "/credentials/registry",
        "RESULT_IMAGE_PATH": str(sandbox.root / "image"),
    }
    return sandbox.run("resolve", **env | changed)


def test_the_head_commits_image_is_named_by_digest_without_a_newline(sandbox: Sandbox) -> None:
    assert resolve(sandbox, f"echo {DIGEST}").code == 0
    assert sandbox.called("crane") == [["digest", f"registry.internal:5000/shop:{SHA}"]]
    assert (sandbox.root / "image").read_bytes() == f"registry.internal:5000/shop@{DIGEST}".encode()


def test_plain_http_is_asked_for_where_it_is_allowed(sandbox: Sandbox) -> None:
    resolve(sandbox, f"echo {DIGEST}", INSECURE="true")
    assert "--insecure" in sandbox.called("crane")[0]


def test_a_commit_that_staging_never_built_is_refused(sandbox: Sandbox) -> None:
    result = resolve(sandbox, "exit 1")
    assert result.code != 0
    assert f"error: no image for {SHA} in registry.internal:5000/shop" in result.err
    assert not (sandbox.root / "image").exists()


@pytest.mark.parametrize("answer", ["", "latest", "sha256:beef", f"{DIGEST} {DIGEST}", f"{DIGEST}@x", f"{DIGEST}\\nx"])
def test_an_answer_that_is_no_digest_is_refused(sandbox: Sandbox, answer: str) -> None:
    result = resolve(sandbox, f"printf '{answer}'")
    assert result.code != 0
    assert "error: " in result.err
    assert not (sandbox.root / "image").exists()
