"""trust.sh before a step's script: git and programs in Go believe the stack's own authority and those of the system."""

import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.tasks.git import over_https
from components.tasks.step import preceded, script
from tests.authority import Authority
from tests.tasks.scripts.conftest import FETCH, Result, Sandbox, needs_jq
from tests.tasks.scripts.test_https import Forge

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@dataclass
class Servers:
    """The same repository over TLS, by a certificate of each authority."""

    of_company: str
    of_public: str


@pytest.fixture
def servers(forge: Path, company: Authority, public: Authority) -> Iterator[Servers]:
    made = []
    for issuer in (company, public):
        server = Forge(forge.parent, public=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issuer.signed("IP:127.0.0.1"))
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        made.append(server)
    yield Servers(*(server.url.replace("http://", "https://") for server in made))
    for server in made:
        server.stop()


def composed(sandbox: Sandbox, name: str) -> str:
    """A step's script as a stack has it that names an authority, as `sandbox.run` takes it."""
    return str(sandbox.file(f"composed/{name}.sh", preceded(script(f"{name}.sh"), "trust.sh")).with_suffix(""))


def trusting(sandbox: Sandbox, name: str, company: Authority, public: Path, **env: str | Path) -> Result:
    """Run it; `public` holds the certificates that the system believes."""
    given = {"CA_BUNDLE": company.certificate, "SYSTEM_CERTIFICATES": public, "TRUSTED": sandbox.root / "trusted"}
    return sandbox.run(composed(sandbox, name), **given, **env)


def fetching(sandbox: Sandbox, url: str, sha: str) -> dict[str, str | Path]:
    env = over_https(url="https://forge.example", authenticated=False).env
    asked = {"PARAM_REPOSITORY_URL": url, "PARAM_HEAD_SHA": sha, "PARAM_REF": sha, "SOURCE": sandbox.root / "source"}
    return {**env, **asked, **FETCH}


@pytest.mark.parametrize("which", ["of_company", "of_public"])
def test_git_believes_the_companys_authority_and_the_systems(
    sandbox: Sandbox, forge: Path, head: str, servers: Servers, company: Authority, public: Authority, which: str
) -> None:
    url = f"{getattr(servers, which)}/{forge.name}"
    result = trusting(sandbox, "fetch", company, public.certificate, **fetching(sandbox, url, head))
    assert result.code == 0, result.err
    assert f"fetched {head}" in result.out


def test_without_it_git_says_that_it_does_not_believe_the_certificate(
    sandbox: Sandbox, forge: Path, head: str, servers: Servers
) -> None:
    result = sandbox.run("fetch", **fetching(sandbox, f"{servers.of_company}/{forge.name}", head))
    assert result.code != 0
    assert "certificate verification failed" in result.err


@needs_jq
def test_what_programs_in_go_read_holds_both(sandbox: Sandbox, company: Authority, public: Authority) -> None:
    """Even where the system's file ends in the middle of a line."""
    sandbox.stub("git", f'cat "$SSL_CERT_FILE" >{sandbox.root}/believed')
    system = sandbox.file("system", public.certificate.read_text().rstrip("\n"))
    result = trusting(sandbox, "fetch", company, system, **fetching(sandbox, "https://forge.example", "a" * 40))
    assert sandbox.called("git"), result.err
    believed = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believed.load_verify_locations(sandbox.root / "believed")
    subjects = {dict(part[0] for part in found["subject"])["commonName"] for found in believed.get_ca_certs()}
    assert subjects == {"company", "public"}


@pytest.mark.parametrize("missing", ["CA_BUNDLE", "SYSTEM_CERTIFICATES"])
def test_certificates_that_are_not_there_end_the_step(sandbox: Sandbox, company: Authority, missing: str) -> None:
    sandbox.stub("git")
    absent = sandbox.root / "absent"
    given = {"CA_BUNDLE": company.certificate, "SYSTEM_CERTIFICATES": company.certificate, missing: absent}
    result = sandbox.run(composed(sandbox, "fetch"), TRUSTED=sandbox.root / "trusted", **given)
    assert result.code != 0
    assert str(absent) in result.err
    assert sandbox.calls == []
