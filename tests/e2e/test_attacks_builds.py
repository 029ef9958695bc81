"""What a Dockerfile can try on the step that builds it, with a process sandbox and without one (`build.processSandbox`)."""

import base64
import json
from collections.abc import Iterator

import pytest

from local.machine import BASE_FOR_BUILDS
from tests.e2e.attacks.builds import Builds, built
from tests.e2e.world import World

# What lies where a mount leads to inside of its own stage or context; nothing where it leads nowhere.
FOUND = {
    "bind-root": "decoy",
    "bind-folder": "decoy",
    "bind-up": "decoy",
    "bind-rw": "decoy",
    "cache-id-up": "",
    "cache-id": "",
    "cache-root": "decoy",
    "cache-folder": "decoy",
    "context-file": "decoy",
    "context-folder": "decoy",
    "context-up": "decoy",
    "context-parent": "decoy",
    "context-rw": "",
    "tmpfs": "",
    "secret": "",
    "secret-path": "",
    "ssh": "",
    "copies": "decoy",
}
REFUSED = {
    "insecure": "security.insecure is not allowed",
    "host-network": "network.host is not allowed",
    "device": "device",
    "descriptor-7": "",
    "descriptor-8": "",
    "descriptor-9": "",
    "linked-dockerfile": "'Dockerfile' leads out of the repository",
    "add": "file",
}


@pytest.fixture(scope="module")
def ways(world: World) -> Iterator[dict[bool, Builds]]:
    with built(world, {"PARAM_BUILD_ARGS": f"BASE={BASE_FOR_BUILDS.read_text().strip()}"}) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["sandbox", "no-sandbox"])
def sandbox(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def builds(ways: dict[bool, Builds], sandbox: bool) -> Builds:
    return ways[sandbox]


def test_mounts_and_links_lead_nowhere_outside(builds: Builds) -> None:
    found = dict(line.partition(": ")[::2] for line in builds.by_name["mounts"].told("FOUND"))
    assert {name.rstrip(":"): text for name, text in found.items()} == FOUND
    assert builds.by_name["mounts"].code == 0


def test_nothing_outside_is_replaced_or_removed(builds: Builds) -> None:
    assert builds.log.splitlines()[-1] == "canary: unchanged"
    # All of them ran after the one that would have replaced the builder.
    assert builds.by_name["syntax"].code == 0


def test_the_registry_credential_is_in_no_log(world: World, builds: Builds) -> None:
    secret = world.kubernetes.core.read_namespaced_secret("quarantine-push", "staging-ci").data[".dockerconfigjson"]
    for login in json.loads(base64.b64decode(secret))["auths"].values():
        user, _, password = base64.b64decode(login["auth"]).decode().partition(":")
        assert user
        assert login["auth"] not in builds.log
        assert password not in builds.log


def test_other_processes_are_out_of_sight_or_out_of_reach(builds: Builds, sandbox: bool) -> None:
    tried = builds.by_name["processes"]
    assert tried.code == 0
    # The control: without a sandbox they are seen, and that is all.
    assert tried.told("SEEN") == ([] if sandbox else ["buildctl", "buildkitd"])
    assert tried.told("OPENED"), "the control: its own processes can be opened"
    assert {line.split()[1] for line in tried.told("OPENED")} == {"/bin/busybox"}


def test_a_build_gets_nothing_of_the_kernel(builds: Builds) -> None:
    assert builds.by_name["processes"].told("GOT") == []
    assert builds.by_name["processes"].told("CONTROL") == ["chroot", "devices"]


def test_a_dockerfile_is_read_by_our_own_reader(builds: Builds) -> None:
    assert "built by our own reader" in builds.by_name["syntax"].lines
    assert builds.by_name["syntax"].code == 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_takes_more_than_a_build_gets_is_refused(builds: Builds, name: str) -> None:
    assert builds.by_name[name].code not in (0, 124)
    assert REFUSED[name] in "\n".join(builds.by_name[name].lines)


def test_a_linked_ignore_file_is_not_read_outside(builds: Builds) -> None:
    assert "auths" not in "\n".join(builds.by_name["linked-ignore"].lines)
