"""The copy of the step promote: the proven digest with all that refers to it, each registry by its own credential."""

from collections.abc import Mapping

import pytest

from steps import merge
from steps.inputs import read
from steps.prove import Proven
from steps.registry import Reading
from tests.steps.conftest import Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
PROVEN = "staging.example/shop@sha256:" + "a" * 64


def copy(sandbox: Sandbox, oras: str = "", **changed: str) -> Result:
    sandbox.stub("oras", oras)
    env = {
        "PARAM_IMAGE": "production.example/shop",
        "PARAM_SOURCE_IMAGE": "staging.example/shop",
        "PUSH_CONFIG": "/credentials/push",
        "INSECURE": "false",
        "SOURCE_INSECURE": "false",
        "DOCKER_CONFIG": "/credentials/registry",
        "SOURCE_CONFIG": "/credentials/source",
    }

    def run(given: Mapping[str, str]) -> None:
        proven = Proven(PROVEN, {"headSha": SHA})
        merge.copy(given["PARAM_IMAGE"], read(Reading, given), read(merge.Elsewhere, given), proven, "7", None)

    return sandbox.part(run, **env | changed)


def test_what_was_proven_is_copied_by_digest_with_its_mark_and_tagged_for_people(sandbox: Sandbox) -> None:
    assert copy(sandbox).code == 0
    (call,) = sandbox.called("oras")
    assert call[0] == "copy"
    assert "--recursive" in call, "else the mark stays behind"
    assert call[-2] == PROVEN
    # The one for people moves with the next copy of this commit, the other one keeps this image.
    assert call[-1] == f"production.example/shop:{SHA}-7-{'a' * 12},{SHA}"


def test_each_registry_sees_its_own_credential(sandbox: Sandbox) -> None:
    copy(sandbox)
    (call,) = sandbox.called("oras")
    assert call[call.index("--from-registry-config") + 1] == "/credentials/source/config.json"
    assert call[call.index("--to-registry-config") + 1] == "/credentials/push/config.json"


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("false", "false", set()),
        ("true", "false", {"--from-plain-http"}),
        ("false", "true", {"--to-plain-http"}),
    ],
)
def test_plain_http_is_asked_for_where_it_is_allowed(
    sandbox: Sandbox, source: str, destination: str, expected: set[str]
) -> None:
    copy(sandbox, SOURCE_INSECURE=source, INSECURE=destination)
    assert {flag for flag in sandbox.called("oras")[0] if flag.endswith("plain-http")} == expected


def test_a_failed_copy_fails_the_step(sandbox: Sandbox) -> None:
    assert copy(sandbox, oras="exit 1").code != 0
