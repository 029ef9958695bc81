"""An environment with a registry of its own: the digest is copied unchanged with its mark, and rolled out from there."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.tasks.rollout import MARK_TYPE
from local.demo import DEPLOYMENT
from local.paths import SECRETS
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

NAME = "apart"
LISTENER = "el-apart-github-el"
PATH = "released"
OWN = f"quarantine.internal:5001/{PATH}/chespirito"


def own_registry(settings: dict[str, Any]) -> None:
    """Make of the shipped production one that keeps its images on the other host, below a path of its own."""
    user = {"username": "deployer", "password": {"file": ".local/secrets/quarantine/deployer"}}
    settings["sourceRegistry"] = settings["registry"]
    settings["registry"] = {"host": OWN.split("/")[0], "path": PATH, "insecure": True, "read": user, "write": user}
    settings["listener"] = {"name": LISTENER.removeprefix("el-")}
    settings["environments"][0] |= {"name": NAME, "nodePorts": {}}


@pytest.fixture(scope="module")
def apart(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file = altered("production", tmp_path_factory.mktemp(NAME), own_registry)
    with stack(pulumi, NAME, file), heard(world, NAME, NAME, LISTENER, alone=False):
        yield


@pytest.mark.usefixtures("apart")
def test_a_merge_is_copied_with_its_mark_and_rolled_out_from_the_own_registry(world: World, tmp_path: Path) -> None:
    pull_request = world.open({"message.txt": "From a registry of its own\n"})
    assert world.run("staging", pull_request)[1]
    digest = world.digest("staging")
    assert marks(world, f"{PATH}/chespirito@{digest}", tmp_path) == [], "the control: it is not there before the merge"
    world.merge(pull_request)
    run, succeeded, told = world.run(NAME, pull_request)
    assert succeeded, told
    containers = world.kubernetes.deployment(NAME, DEPLOYMENT).spec.template.spec.containers
    assert [container.image for container in containers] == [f"{OWN}@{digest}"]
    assert f"proven: registry.internal:5000/chespirito@{digest}" in world.logs(run, "promote", "promote")
    assert f"proven: {OWN}@{digest}" in world.logs(run, "promote", "promote")
    (mark,) = marks(world, f"{PATH}/chespirito@{digest}", tmp_path)
    assert (mark["headSha"], mark["digest"]) == (pull_request.head_sha, digest)
    # The shipped production heard of the same merge.
    assert world.run("production", pull_request)[1]


def marks(world: World, image: str, folder: Path) -> list[dict[str, str]]:
    """The marks of an image in that registry, for somebody who has the public key and reads nothing else."""
    host = f"{world.machine.cluster.node_ip}:5001"
    pair = f"deployer:{(SECRETS / 'quarantine' / 'deployer').read_text()}"
    auths = {host: {"auth": base64.b64encode(pair.encode()).decode()}}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))
    command = [world.machine.folders["cosign"] / "cosign", "verify-attestation", "--insecure-ignore-tlog=true"]
    key = ["--key", SECRETS / "mark" / "cosign.pub", "--type", MARK_TYPE]
    answer = subprocess.run(
        [*command, "--allow-http-registry", *key, f"{host}/{image}"],
        env=os.environ | {"DOCKER_CONFIG": str(folder)},
        capture_output=True,
        text=True,
    )
    payloads = [json.loads(line)["payload"] for line in answer.stdout.splitlines()]
    return [json.loads(base64.b64decode(payload))["predicate"] for payload in payloads]
