"""A company's own certificate authority: forge and registries answer by TLS, with certificates that no system believes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.forge.setup import REPOSITORY
from tests.authority import Authority, authority
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.tls_front import Front, front
from tests.e2e.world import World

LISTENER = "el-both-github-el"
FORGE, REGISTRY, QUARANTINE = "forge.internal", "registry.internal", "quarantine.internal"
# It is merged, and other tests build from the repository's own one. One line of the certificate stands for all of it.
OWN = "company.Dockerfile"
DOCKERFILE = """ARG BASE
FROM ${{BASE}} AS page
ARG REVISION=unknown
USER 0
COPY message.txt render.sh serve.sh /opt/chespirito/
RUN --mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt \\
    echo "believed $(grep -cF '{line}' /etc/ssl/certs/ca-certificates.crt)"
RUN sh /opt/chespirito/render.sh /opt/chespirito /srv/chespirito "$REVISION"
USER 65532
CMD ["/bin/sh", "/opt/chespirito/serve.sh"]

FROM page
RUN echo "not the stage that is delivered" && false
"""
BEHIND = {FORGE: 3000, REGISTRY: 5000, QUARANTINE: 5001}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def company(folder: Path) -> Authority:
    return authority(folder, "company")


@pytest.fixture(scope="module")
def tls(world: World, company: Authority) -> Iterator[Front]:
    with front(world.machine, company, BEHIND) as made:
        yield made


def configured(world: World, tls: Front, folder: Path, bundle: Path | None) -> Path:
    """The stack `both`, all of whose hosts are reached by TLS."""
    forge, token = world.machine.forge, folder / "git-token"
    token.write_text(forge.admin.new_token(forge.developer.user, f"git-{bundle is None}", ["read:repository"]))

    def change(settings: dict[str, Any]) -> None:
        del settings["forge"]["ssh"]
        url = f"https://{tls.addresses[FORGE]}"
        settings["forge"] |= {"apiUrl": f"{url}/api/v1", "https": {"url": url, "token": {"file": str(token)}}}
        settings["registry"] |= {"host": tls.addresses[REGISTRY], "insecure": False}
        settings["build"]["quarantine"] |= {"host": tls.addresses[QUARANTINE], "insecure": False}
        # A mirror of docker.io that wants a login.
        mirror = {"host": tls.addresses[REGISTRY], "path": "platform", "addresses": settings["registry"]["addresses"]}
        settings["build"]["baseImages"] = {"docker.io": mirror | {"read": settings["registry"]["read"]}}
        settings["applications"][0] |= {"dockerfile": OWN, "buildArgs": {"BASE": "base:1"}, "target": "page"}
        if bundle:
            settings["caBundle"] = {"file": str(bundle)}

    return altered("both", folder, change)


@pytest.fixture(scope="module")
def without(world: World, pulumi: Pulumi, tls: Front, folder: Path) -> Iterator[None]:
    """The stack without the company's authority; the forge tells it of pull requests."""
    file = configured(world, tls, folder, None)
    with stack(pulumi, "both", file, beside=True), heard(world, "both", "qa", LISTENER):
        yield


@pytest.mark.usefixtures("without")
def test_a_delivery_meets_certificates_of_the_companys_authority_alone(
    world: World, pulumi: Pulumi, tls: Front, company: Authority, folder: Path
) -> None:
    line = company.certificate.read_text().splitlines()[2]
    dockerfile = DOCKERFILE.format(line=line)
    pull_request = world.open({"message.txt": "By TLS\n", OWN: dockerfile})
    run, succeeded, _ = world.run("qa", pull_request)
    assert not succeeded
    assert "server certificate verification failed" in world.logs(run, "build", "fetch")
    assert tls.asked == set(), "who does not believe a certificate asks nothing"
    assert "tekton-delivery/qa" not in world.machine.forge.developer.statuses(REPOSITORY, pull_request.head_sha)

    file = configured(world, tls, folder, company.certificate)
    pulumi("up", "--stack", "both", "--config-file", str(file), "--yes", "--skip-preview")
    head = world.push(pull_request, {"message.txt": "By TLS, believed\n"})
    run, succeeded, told = world.run("qa", pull_request, known=1)
    assert succeeded, told
    assert "fatal" not in world.logs(run, "build", "fetch")
    assert world.status("qa", head)[0] == "success"
    assert "believed 1" in world.logs(run, "build", "image")
    world.merge(pull_request)
    _, succeeded, told = world.run("live", pull_request)
    assert succeeded, told

    assert tls.clients == {
        FORGE: {"git", "tekton-delivery"},
        QUARANTINE: {"buildkit", "crane"},
        REGISTRY: {"buildkit", "crane", "cosign"},
    }
    assert (FORGE, "POST", f"/{REPOSITORY}.git/git-upload-pack") in tls.asked
    assert (FORGE, "POST", f"/api/v1/repos/{REPOSITORY}/statuses/{head}") in tls.asked
    assert (REGISTRY, "HEAD", "/v2/platform/library/base/manifests/1") in tls.asked
    for host in (QUARANTINE, REGISTRY):
        assert (host, "PUT", f"/v2/both/chespirito/manifests/{head}") in tls.asked
