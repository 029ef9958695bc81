"""Whom steps believe that ask the forge: the stack's own authority beside the system's, where the stack has one."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from tests.authority import Authority
from tests.steps.conftest import Sandbox
from tests.steps.server import SHA, Forge, serving
from tests.tasks.scripts.conftest import Result


@dataclass
class Forges:
    """Two of them, by a certificate of each authority."""

    of_company: Forge
    of_public: Forge


@pytest.fixture
def forges(company: Authority, public: Authority) -> Iterator[Forges]:
    with ExitStack() as stack:
        made = []
        for issuer in (company, public):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*issuer.signed("IP:127.0.0.1"))
            made.append(stack.enter_context(serving(Forge(), context)))
        yield Forges(*made)


def announce(sandbox: Sandbox, forge: Forge, **env: str | Path) -> Result:
    return sandbox.step(
        "announce",
        PARAM_REPOSITORY="acme/shop",
        PARAM_HEAD_SHA=SHA,
        ENVIRONMENT="staging",
        CONTEXT_SUFFIX="",
        WAITS_FOR="waits",
        TOKEN_FILE=sandbox.file("token", "t"),
        API_URL=forge.api,
        **env,
    )


def trusting(sandbox: Sandbox, company: Authority, system: Path, peers: str = "forge-api") -> dict[str, str | Path]:
    trusted = sandbox.root / "trusted"
    return {"CA_BUNDLE": company.certificate, "SYSTEM_CERTIFICATES": system, "TRUSTED": trusted, "BELIEVED_OF": peers}


@pytest.mark.parametrize("which", ["of_company", "of_public"])
def test_both_authorities_are_believed(
    sandbox: Sandbox, forges: Forges, company: Authority, public: Authority, which: str
) -> None:
    """Even where the system's file ends in the middle of a line."""
    system = sandbox.file("system", public.certificate.read_text().rstrip("\n"))
    forge: Forge = getattr(forges, which)
    assert announce(sandbox, forge, **trusting(sandbox, company, system)).err == ""
    assert len(forge.calls) == 1


def test_without_the_companys_word_the_systems_alone_is_believed(
    sandbox: Sandbox, forges: Forges, public: Authority
) -> None:
    with mock.patch("steps.forge._SYSTEM", public.certificate):
        assert announce(sandbox, forges.of_public).err == ""
        assert "is not believed" in announce(sandbox, forges.of_company).err
    assert len(forges.of_public.calls) == 1
    assert forges.of_company.calls == []


def test_it_counts_for_those_alone_that_it_is_for(
    sandbox: Sandbox, forges: Forges, company: Authority, public: Authority
) -> None:
    env = trusting(sandbox, company, public.certificate, peers="registry\nquarantine")
    assert "is not believed" in announce(sandbox, forges.of_company, **env).err


def test_a_certificate_for_another_name_is_not_believed(sandbox: Sandbox, company: Authority, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other = Authority(tmp_path, company.name)
    for name in (f"{company.name}.pem", f"{company.name}.key"):
        (tmp_path / name).write_bytes((company.folder / name).read_bytes())
    context.load_cert_chain(*other.signed("DNS:forge.example"))
    with serving(Forge(), context) as forge:
        result = announce(sandbox, forge, **trusting(sandbox, company, company.certificate))
    assert "is not believed" in result.err
    assert forge.calls == []


@pytest.mark.parametrize("missing", ["CA_BUNDLE", "SYSTEM_CERTIFICATES"])
def test_certificates_that_are_not_there_are_named(
    sandbox: Sandbox, forges: Forges, company: Authority, missing: str
) -> None:
    absent = sandbox.root / "absent"
    env = trusting(sandbox, company, company.certificate) | {missing: absent}
    assert str(absent) in announce(sandbox, forges.of_company, **env).err
    assert forges.of_company.calls == []
