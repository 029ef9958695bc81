"""A stack's own authorities in steps of Python: commands that meet their certificates believe them beside the system's."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from steps import merge
from steps.inputs import read
from steps.prove import Proven
from steps.registry import Reading
from steps.trust import Trust, environment
from tests.authority import Authority, authority
from tests.steps.conftest import Sandbox


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("company"), "company")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """What stands for an authority that the system believes."""
    return authority(tmp_path_factory.mktemp("public"), "public")


def given(sandbox: Sandbox, bundle: Path, system: Path, *peers: str) -> dict[str, str | Path]:
    trusted = sandbox.root / "trusted"
    return {"CA_BUNDLE": bundle, "SYSTEM_CERTIFICATES": system, "TRUSTED": trusted, "BELIEVED_OF": "\n".join(peers)}


def test_what_programs_in_go_read_holds_both(sandbox: Sandbox, company: Authority, public: Authority) -> None:
    """Even where the system's file ends in the middle of a line."""
    sandbox.stub("oras", f'cat "$SSL_CERT_FILE" >{sandbox.root}/oras.believed')
    system = sandbox.file("system", public.certificate.read_text().rstrip("\n"))
    env = {
        "PARAM_SOURCE_IMAGE": "source.example/shop",
        "SOURCE_CONFIG": "/credentials/source",
        "SOURCE_INSECURE": "false",
        "PUSH_CONFIG": "/credentials/push",
        "DOCKER_CONFIG": "/credentials/registry",
        "INSECURE": "false",
    }

    def copy(env: Mapping[str, str]) -> None:
        proven = Proven(f"source.example/shop@sha256:{'b' * 64}", {"headSha": "abc"})
        elsewhere, trust = read(merge.Elsewhere, env), read(Trust, env)
        merge.copy("registry.example/shop", read(Reading, env), elsewhere, proven, "7", trust)

    result = sandbox.part(copy, **env | given(sandbox, company.certificate, system, "registry"))
    assert result.code == 0, result.err
    believed = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believed.load_verify_locations(sandbox.root / "oras.believed")
    subjects = {dict(part[0] for part in found["subject"])["commonName"] for found in believed.get_ca_certs()}
    assert subjects == {"company", "public"}


def test_who_does_not_meet_them_does_not_believe_them(sandbox: Sandbox, company: Authority) -> None:
    told = sandbox.given(given(sandbox, company.certificate, company.certificate, "forge-git"))
    assert environment(read(Trust, told), "registry", "source") == {}
    assert environment(None, "forge-git") == {}
    assert set(environment(read(Trust, told), "forge-git")) == {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"}


@pytest.mark.parametrize("missing", ["CA_BUNDLE", "SYSTEM_CERTIFICATES"])
def test_certificates_that_are_not_there_end_the_step(sandbox: Sandbox, company: Authority, missing: str) -> None:
    absent = sandbox.root / "absent"
    told = given(sandbox, company.certificate, company.certificate, "registry") | {missing: absent}
    result = sandbox.part(lambda env: print(environment(read(Trust, env), "registry")), **told)
    assert result.code == 1
    assert str(absent) in result.err
