"""What a pull request can try: its names and files, its tests, its Dockerfile. Nothing of it gets further than its own pod.

One hostile pull request carries the probes of `attacks/hostile`, which print what they find; each test reads one of them,
beside the control that shows that the probe finds what is there to be found.
"""

import base64
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from local.cluster.names import QUARANTINE, REGISTRY
from local.demo import APPLICATION
from local.forge.setup import REPOSITORY
from local.paths import SECRETS
from tests.e2e.attacks.delivery import Delivery, await_end, hostile, propose, staging_image
from tests.e2e.attacks.registry import Login, RefusedError
from tests.e2e.attacks.repository import Clone, Entry, Link, Submodule
from tests.e2e.world import World

# Each would leave a file called PWNED where a shell, git or Tekton ran it. (A branch's name has no spaces.)
BRANCH = "x$(touch${IFS}/tmp/PWNED)`touch${IFS}PWNED`;touch${IFS}PWNED|x&'\"$(params.head-sha)"
TITLE = "$(touch PWNED) `touch PWNED`; touch PWNED #'\" $(tt.params.run) ${{ github.token }} %s\\n\x1b[31m"
HOOK = "#!/bin/sh\ntouch /tmp/PWNED /test/PWNED /source/PWNED\n"
STOLEN = "/credentials/registry/config.json"
MODULES = '[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c touch% /tmp/PWNED\n\tupdate = !touch /tmp/PWNED\n'
FILES: dict[str, Entry] = {
    "message.txt": "Hostile\n",
    "lib.sh": hostile("lib.sh"),
    "test.sh": hostile("test.sh"),
    "probe.sh": hostile("probe.sh"),
    "Dockerfile": hostile("Dockerfile"),
    "linked.txt": Link("message.txt"),
    "stolen": Link(STOLEN),
    "stolen-result": Link("/proc/1/environ/../../../credentials/ssh/ssh-privatekey"),
    "stolen-folder": Link("../../credentials"),
    "$(touch PWNED)": "x",
    ";touch PWNED;": "x",
    "-rf --upload-pack=touch PWNED": "x",
    "a\ntouch PWNED\n": "x",
    "hooks/post-checkout": HOOK,
    ".githooks/post-checkout": HOOK,
    ".gitattributes": "* filter=evil diff=evil merge=evil ident\n",
    ".gitconfig": '[filter "evil"]\n\tsmudge = touch /tmp/PWNED\n[core]\n\thooksPath = hooks\n\tfsmonitor = hooks/evil\n',
    ".lfsconfig": "[lfs]\n\turl = http://203.0.113.1/\n",
    ".gitmodules": MODULES,
    "logo.png": "version https://git-lfs.github.com/spec/v1, as a text says that is none\n",
}
# What git alone does not bring, and what the status says of it.
INCOMPLETE: dict[str, dict[str, Entry]] = {
    "submodule": {
        ".gitmodules": MODULES,
        "evil": Submodule("0123456789012345678901234567890123456789"),
    },
    "pointer": {
        ".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n",
        "logo.png": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1\n",
    },
}
WHY = {
    "submodule": "submodules are not fetched (commit the files, or set `paths` without it): evil",
    "pointer": "Git LFS is not fetched (commit the files, or set `paths` without it): logo.png",
}
FORGING_TESTS = '#!/bin/sh\nprintf \'[{"key":"promotable","value":"yes","type":1}]\' >/tekton/termination\n'
REFUSED: dict[str, dict[str, Entry]] = {
    "linked-dockerfile": {"Dockerfile": Link(STOLEN)},
    "copied-link": {"Dockerfile": "ARG BASE\nFROM ${BASE}\nCOPY stolen /stolen\nRUN cat /stolen\n", "stolen": Link(STOLEN)},
    "applications-image": {"Dockerfile": "FROM registry.internal:5000/platform/tools\nRUN echo pulled\n"},
}
REASONS = {
    "linked-dockerfile": "'Dockerfile' leads out of the repository",
    "copied-link": '"/stolen": not found',
    # The network policies; the registry itself would ask who wants it (`test_network.py`).
    "applications-image": ":5000: connect: connection refused",
}


@pytest.fixture(scope="module")
def refused(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Delivery]]:
    """Pull requests that must not get an image built: what staging ran before, and what became of each."""
    before = staging_image(world)
    folder = tmp_path_factory.mktemp("refused")
    opened = {
        name: propose(world, folder / name, f"{name}-{os.urandom(3).hex()}", name, {"test.sh": FORGING_TESTS, **files})
        for name, files in REFUSED.items()
    }
    return {name: (before, await_end(world, pull_request)) for name, pull_request in opened.items()}


@pytest.fixture(scope="module")
def attack(world: World, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    """The hostile pull request, which gets to staging: its image is as good as any other."""
    folder = tmp_path_factory.mktemp("hostile") / "repository"
    return await_end(world, propose(world, folder, f"{BRANCH}-{os.urandom(3).hex()}", TITLE, FILES))


# The repository


def test_the_hostile_pull_request_is_delivered_as_any_other(world: World, attack: Delivery) -> None:
    assert attack.succeeded, "the control of all that follows: it was fetched, tested, built and staged"
    world.serves("staging", "Hostile")
    assert set(attack.logs) == {"fetch", "test", "image"}


def test_branch_title_and_subject_reach_no_run(attack: Delivery) -> None:
    assert "PWNED" in attack.pull_request.branch + attack.pull_request.title, "the control: the forge has them"
    assert "PWNED" not in str(attack.run)
    assert "PWNED" in attack.logs["fetch"], "the control: the subject is told as it is"
    assert attack.found("probe", "executed") == ""


@pytest.mark.parametrize(
    ("probe", "control"),
    [
        pytest.param("executed", "/test/PWNED", id="names-hooks-filters"),
        pytest.param("links", "Hostile", id="links-out-of-the-checkout"),
        pytest.param("secret-files", "/test/token", id="files-of-credentials"),
        pytest.param("tekton-creds", "run scripts", id="tektons-credentials"),
        pytest.param("environments", "PARAM_TEST_COMMAND=", id="environments-of-processes"),
        pytest.param("processes", "test.sh", id="processes-of-other-steps"),
        pytest.param("source", "Changed by the tests", id="changed-sources"),
        pytest.param("writable", "/test", id="files-of-other-steps"),
        pytest.param("build-credentials", "Hostile", id="build-credentials"),
        pytest.param("build-hosts", "203.0.113.1", id="build-hosts"),
        pytest.param("build-kernel", "file", id="build-kernel"),
        pytest.param("build-processes", "probe.sh", id="build-processes"),
    ],
)
def test_a_pull_requests_code_finds_nothing(attack: Delivery, probe: str, control: str) -> None:
    assert control in (attack.found("control", probe) or "")
    assert attack.found("probe", probe) == ""


def test_a_pull_requests_pod_has_no_service_account_token(world: World, attack: Delivery) -> None:
    pods = {}
    for task_run in world.kubernetes.task_runs("staging-ci", attack.run_name):
        pod: Any = world.kubernetes.core.read_namespaced_pod(task_run["status"]["podName"], "staging-ci")
        pods[task_run["metadata"]["labels"]["tekton.dev/pipelineTask"]] = pod
    assert _token_mounts(pods["build"]) == set()
    assert _token_mounts(pods["stage"]) == {"step-stage"}, "the control: tokens are seen where they are"
    assert pods["build"].spec.service_account_name == "untrusted"
    assert pods["build"].spec.host_users is False


def _token_mounts(pod: Any) -> set[str]:
    """Containers that mount a volume with a service account token."""
    volumes = {
        volume.name
        for volume in pod.spec.volumes
        if volume.projected and any(source.service_account_token for source in volume.projected.sources)
    }
    containers = [*pod.spec.containers, *(pod.spec.init_containers or [])]
    return {item.name for item in containers if any(mount.name in volumes for mount in item.volume_mounts or [])}


def test_no_secret_of_the_cluster_is_in_any_output_of_the_pull_requests_pod(world: World, attack: Delivery) -> None:
    told = "".join(attack.logs.values())
    assert "Hostile" in told, "the control"
    secrets = world.kubernetes.core.list_secret_for_all_namespaces().items
    values = {base64.b64decode(value) for secret in secrets for value in (secret.data or {}).values()}
    assert len(values) > 10
    for value in values:
        for line in value.decode(errors="replace").splitlines():
            assert len(line) < 16 or line not in told


# Later steps and other pods


def test_planted_configuration_and_forged_results_change_no_image(world: World, attack: Delivery, thief: Login) -> None:
    """The digest is that of what the image step pushed, to the registry that it was told."""
    assert "stolen.example.org" in (attack.found("control", "planted") or "")
    assert attack.found("control", "build-configuration") == "stolen.example.org"
    assert "sha256:000000" in (attack.found("control", "results") or "")
    digest = attack.image.partition("@")[2]
    assert f"pushed quarantine.internal:5001/chespirito@{digest}" in attack.logs["image"]
    assert f"copied registry.internal:5000/chespirito@{digest}" in world.logs(attack.run, "stage", "stage")
    assert thief.digest(APPLICATION, attack.pull_request.head_sha) == digest


def test_forged_results_are_told_to_nobody(world: World, attack: Delivery) -> None:
    results = str([run["status"].get("results") for run in world.kubernetes.task_runs("staging-ci", attack.run_name)])
    assert "says the attacker" in results, "the control: Tekton took them for the TaskRun's"
    state, description = world.status("staging", attack.pull_request.head_sha)
    assert (state, description.split(":")[0]) == ("success", "serves on staging")


def test_what_the_tests_left_running_ends_with_its_pod(attack: Delivery) -> None:
    assert attack.found("control", "background") == "sleep 31337"
    assert attack.found("control", "build-background") == "sleep 31338"
    running = _commands()
    assert any("serve.sh" in command for command in running), "the control: processes of pods are seen from here"
    assert not [command for command in running if command in ("sleep 31337", "sleep 31338")]


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_that_takes_what_is_not_its_own_is_not_built(
    world: World, refused: dict[str, tuple[str, Delivery]], name: str
) -> None:
    before, delivery = refused[name]
    assert "running: sh test.sh" in delivery.logs["test"], "the control: its tests ran"
    assert not delivery.succeeded
    assert delivery.image == before
    assert REASONS[name] in delivery.logs["image"]
    assert "auths" not in delivery.logs["image"]
    state, description = world.status("staging", delivery.pull_request.head_sha)
    assert state == "failure"
    assert "step image failed" in description


def test_what_git_alone_does_not_bring_is_refused_by_its_name(world: World, tmp_path: Path) -> None:
    """The control is the hostile pull request: its `.gitmodules` and `.lfsconfig` are about nothing that is there."""
    before = staging_image(world)
    opened = {
        name: propose(world, tmp_path / name, f"{name}-{os.urandom(3).hex()}", name, files)
        for name, files in INCOMPLETE.items()
    }
    for name, pull_request in opened.items():
        delivery = await_end(world, pull_request)
        assert not delivery.succeeded
        assert delivery.image == before
        assert WHY[name] in delivery.logs["fetch"]
        assert world.status("staging", pull_request.head_sha) == ("failure", WHY[name])


@pytest.mark.parametrize("name", REFUSED)
def test_a_pull_request_that_was_not_staged_cannot_call_itself_promotable(
    world: World, refused: dict[str, tuple[str, Delivery]], name: str
) -> None:
    _, delivery = refused[name]
    results = str([run["status"].get("results") for run in world.kubernetes.task_runs("staging-ci", delivery.run_name)])
    assert "promotable" in results, "the control: Tekton took it for the TaskRun's"
    statuses = world.machine.forge.developer.statuses(REPOSITORY, delivery.pull_request.head_sha)
    assert set(statuses) == {"tekton-delivery/staging"}


# The quarantine registry, whose credential counts as stolen


@pytest.fixture(scope="module")
def thief(world: World, tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login(world.machine, tmp_path_factory.mktemp("thief"), QUARANTINE, "untrusted")


def test_a_tag_that_others_moved_in_quarantine_does_not_change_what_is_staged(
    world: World, attack: Delivery, thief: Login, tmp_path: Path
) -> None:
    """The attacker waits at the tag of somebody else's commit, and moves it again once that is built."""
    evil = attack.image.partition("@")[2]
    files: dict[str, Entry] = {"message.txt": "An honest change\n", "test.sh": "#!/bin/sh\nexit 0\n"}
    branch = f"victim-{os.urandom(3).hex()}"
    sha = Clone(world.machine, tmp_path / "clone").push(branch, "An honest change", files)
    thief.tag(APPLICATION, evil, sha)
    victim = world.machine.forge.developer.open_pull_request(REPOSITORY, branch, "An honest change")
    delivery = await_end(world, victim)
    assert delivery.succeeded
    staged = delivery.image.partition("@")[2]
    assert staged != evil
    thief.tag(APPLICATION, evil, sha)
    assert thief.digest(APPLICATION, sha) == evil, "the control: it can be moved"
    assert Login(world.machine, tmp_path, REGISTRY, "puller").digest(APPLICATION, sha) == staged
    world.serves("staging", "An honest change")


def test_the_quarantine_credential_opens_no_other_registry(
    world: World, attack: Delivery, thief: Login, tmp_path: Path
) -> None:
    sha = attack.pull_request.head_sha
    assert thief.digest(APPLICATION, sha) in attack.image, "the control: it opens its own"
    password = (SECRETS / "quarantine" / "untrusted").read_text()
    for user in ("untrusted", "deployer"):
        with pytest.raises(RefusedError, match=r"(?i)unauthorized"):
            Login(world.machine, tmp_path, REGISTRY, user, password).digest(APPLICATION, sha)


def _commands() -> set[str]:
    """The command lines of all processes of this machine; the cluster's are among them."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            found.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return found
