"""image.sh: tests that are a stage of the Dockerfile."""

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox
from tests.tasks.scripts.test_image import BUILDCTL, DIGEST, build, option


def stage(sandbox: Sandbox, buildctl: str = BUILDCTL) -> Result:
    return build(sandbox, TEST_STAGE="test", PARAM_BUILD_ARGS="A=b c", buildctl=buildctl)


def test_a_stage_is_built_before_the_image_by_the_same_daemon(sandbox: Sandbox) -> None:
    result = stage(sandbox)
    assert result.code == 0, result.err
    assert len(sandbox.called("in-user-namespace")) == 1
    _, tests, image = sandbox.called("buildctl")
    given = option(image, "--opt")
    assert [each for each in option(tests, "--opt") if each not in given] == ["target=test", "no-cache=test"]
    assert set(given) <= set(option(tests, "--opt"))
    assert option(tests, "--local") == option(image, "--local")
    assert option(tests, "--output") == []
    assert (sandbox.root / "digest").read_bytes() == DIGEST.encode()


# What buildctl prints of a build that failed.
FAILED = """case $* in *target=test*)
    echo "#9 0.1 1 of 3 failed"
    printf '%s\\n' '------' ' > {at}:' '0.1 1 of 3 failed' '------' >&2
    echo 'error: failed to solve: process "/bin/sh -c ./test.sh" did not complete successfully: exit code: 1' >&2
    exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("at", "code", "told"),
    [
        ("[test 3/3] RUN ./test.sh", 10, "error: the tests failed"),
        ("[Test 3/3] RUN ./test.sh", 10, "error: the tests failed"),
        ("[test  3/12] RUN --mount=type=secret,id=a ./test.sh", 10, "error: the tests failed"),
        ("[deps 3/3] RUN ./install.sh", 1, "error: the stage 'test' could not be built"),
        ("[test 3/3] COPY nothing .", 1, "error: the stage 'test' could not be built"),
        ("[internal] load metadata for node:22", 1, "error: the stage 'test' could not be built"),
    ],
)
def test_a_run_of_the_stage_that_fails_is_failed_tests(sandbox: Sandbox, at: str, code: int, told: str) -> None:
    result = stage(sandbox, FAILED.replace("{at}", at) + BUILDCTL)
    assert result.code == code
    assert told in result.err
    assert "1 of 3 failed" in result.out, "what the tests print is shown"
    assert len(sandbox.called("buildctl")) == 2, "no image is built"
    assert not (sandbox.root / "digest").exists()
