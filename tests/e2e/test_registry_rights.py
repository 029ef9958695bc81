"""Each user of the embedded registries does there what it is for. Every refusal has its like that passes."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from local.cluster.names import QUARANTINE, REGISTRY
from local.demo import APPLICATION
from tests.e2e.attacks.registry import Login, RefusedError
from tests.e2e.world import World

BASE, TAG = "platform/base", "1"
RELEASED = f"released/{APPLICATION}"
USERS = {
    REGISTRY: ("platform", "deployer", "cleaner", "puller"),
    QUARANTINE: ("platform", "untrusted", "deployer", "cleaner"),
}
# What in the quarantine registry a build must neither read nor write, and what is never cleaned.
CLOSED = {
    (QUARANTINE, "untrusted", RELEASED),
    *((host, "cleaner", repository) for host in USERS for repository in (BASE, RELEASED)),
}
PUSH = {
    *((host, "platform", repository) for host in USERS for repository in (APPLICATION, BASE, RELEASED)),
    (REGISTRY, "deployer", APPLICATION),
    (REGISTRY, "deployer", RELEASED),
    (QUARANTINE, "deployer", RELEASED),
    (QUARANTINE, "untrusted", APPLICATION),
}
EVERYBODY = [
    (host, user, repository)
    for host, users in USERS.items()
    for user in users
    for repository in (APPLICATION, BASE, RELEASED)
]


@pytest.fixture(scope="module")
def logins(world: World, tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Login]:
    folder = tmp_path_factory.mktemp("logins")
    return {(host, user): Login(world.machine, folder, host, user) for host, users in USERS.items() for user in users}


@pytest.fixture(scope="module")
def image(logins: Mapping[tuple[str, str], Login]) -> Callable[[str, str], str]:
    """Make an image of its own in a repository, as the user who may; its digest."""

    def made(host: str, repository: str) -> str:
        platform, tag = logins[host, "platform"], f"probe-{secrets.token_hex(4)}"
        platform.crane("copy", platform.image(BASE, TAG), platform.image(repository, tag))
        return platform.altered(repository, tag, tag)

    return made


@pytest.mark.parametrize(("host", "user", "repository"), EVERYBODY)
def test_who_may_pulls(
    logins: Mapping[tuple[str, str], Login], image: Callable[[str, str], str], host: str, user: str, repository: str
) -> None:
    login, digest = logins[host, user], image(host, repository)
    if (host, user, repository) in CLOSED:
        with pytest.raises(RefusedError, match=r"(?i)unauthorized"):
            login.crane("digest", login.image(repository, digest))
    else:
        assert login.crane("digest", login.image(repository, digest)) == digest


@pytest.mark.parametrize(("host", "user", "repository"), EVERYBODY)
def test_who_may_pushes(
    logins: Mapping[tuple[str, str], Login], image: Callable[[str, str], str], host: str, user: str, repository: str
) -> None:
    login, digest, tag = logins[host, user], image(host, repository), f"pushed-{secrets.token_hex(4)}"
    if (host, user, repository) in PUSH:
        login.tag(repository, digest, tag)
        assert login.digest(repository, tag) == digest
    else:
        with pytest.raises(RefusedError, match=r"(?i)unauthorized"):
            login.tag(repository, digest, tag)
        with pytest.raises(RefusedError, match=r"MANIFEST_UNKNOWN|NOT_FOUND|not found|404"):
            logins[host, "platform"].digest(repository, tag)


@pytest.mark.parametrize(("host", "user", "repository"), EVERYBODY)
def test_who_may_deletes(
    logins: Mapping[tuple[str, str], Login], image: Callable[[str, str], str], host: str, user: str, repository: str
) -> None:
    login, digest = logins[host, user], image(host, repository)
    if user == "platform" or (user == "cleaner" and repository == APPLICATION):
        login.crane("delete", login.image(repository, digest))
    else:
        with pytest.raises(RefusedError, match=r"(?i)unauthorized"):
            login.crane("delete", login.image(repository, digest))
        platform = logins[host, "platform"]
        assert platform.crane("digest", platform.image(repository, digest)) == digest


@pytest.mark.parametrize("host", USERS)
def test_strangers_and_wrong_passwords_get_nothing(
    world: World, logins: Mapping[tuple[str, str], Login], tmp_path: Path, host: str
) -> None:
    assert logins[host, "deployer"].digest(BASE, TAG), "the control"
    for user in (*USERS[host], "mallory"):
        with pytest.raises(RefusedError, match=r"(?i)unauthorized"):
            Login(world.machine, tmp_path, host, user, password="wrong").digest(BASE, TAG)
    url = f"http://{logins[host, 'deployer'].address}/v2/"
    for path in ("", f"{BASE}/manifests/{TAG}", f"{BASE}/tags/list", "_catalog"):
        assert httpx.get(url + path, trust_env=False).status_code == 401
