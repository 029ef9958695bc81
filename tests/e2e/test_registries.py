"""An environment with a registry of its own: the digest is copied unchanged with its mark, and rolled out from there.

It has the longest name that there may be, and is in namespaces that are called otherwise and were there before it.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from components.conventions import prefix
from components.tasks.rollout import MARK_TYPE
from local.demo import APPLICATION, DEPLOYMENT
from local.paths import ROOT, SECRETS
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

NAME = "apart"
ENVIRONMENT = "apart-with-namespaces-of-somebody-else-0"
WORKLOAD, DELIVERY = "somebodys-applications", "somebodys-ci"
ENFORCED = "pod-security.kubernetes.io/enforce"
LISTENER = "el-apart-github-el"
PATH = "released"
OWN = f"quarantine.internal:5001/{PATH}/chespirito"


def own_registry(settings: dict[str, Any]) -> None:
    """Make of the shipped production one that keeps its images on the other host, below a path of its own."""
    user = {"username": "deployer", "password": {"file": ".local/secrets/quarantine/deployer"}}
    settings["sourceRegistry"] = settings["registry"]
    settings["registry"] = {"host": OWN.split("/")[0], "path": PATH, "insecure": True, "read": user, "write": user}
    settings["listener"] = {"name": LISTENER.removeprefix("el-")}
    namespaces = {"workload": {"name": WORKLOAD, "existing": True}, "delivery": {"name": DELIVERY, "existing": True}}
    settings["environments"][0] |= {"name": ENVIRONMENT, "namespaces": namespaces, "nodePorts": {}}


@pytest.fixture(scope="module")
def namespaces(world: World) -> Iterator[None]:
    """What somebody else has made: two namespaces with something in them."""
    core = world.kubernetes.core
    try:
        for name in (WORKLOAD, DELIVERY):
            core.create_namespace({"metadata": {"name": name, "labels": {"owner": "somebody", ENFORCED: "restricted"}}})
            core.create_namespaced_config_map(name, {"metadata": {"name": "somebodys"}, "data": {"a": "b"}})
        yield
        for name in (WORKLOAD, DELIVERY):
            left = core.read_namespace(name)
            assert left.status.phase == "Active", "the stack is destroyed, and the namespace is not"
            assert (left.metadata.labels["owner"], left.metadata.labels[ENFORCED]) == ("somebody", "restricted")
            assert core.read_namespaced_config_map("somebodys", name).data == {"a": "b"}
            assert not core.list_namespaced_secret(name).items, "what is the stack's own goes with it"
    finally:
        for name in (WORKLOAD, DELIVERY):
            with contextlib.suppress(client.exceptions.NotFoundException):
                core.delete_namespace(name)


@pytest.fixture(scope="module")
def apart(world: World, pulumi: Pulumi, namespaces: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = altered("production", tmp_path_factory.mktemp(NAME), own_registry)
    with stack(pulumi, NAME, file), heard(world, NAME, DELIVERY.removesuffix("-ci"), LISTENER, alone=False):
        yield file


def test_a_namespace_that_admits_any_pod_is_refused_before_anything_is_changed(
    world: World, pulumi: Pulumi, apart: Path
) -> None:
    preview = ("preview", "--stack", NAME, "--config-file", str(apart))
    world.kubernetes.core.patch_namespace(WORKLOAD, {"metadata": {"labels": {ENFORCED: None}}})
    try:
        refused = pulumi(*preview, check=False)
    finally:
        world.kubernetes.core.patch_namespace(WORKLOAD, {"metadata": {"labels": {ENFORCED: "restricted"}}})
    assert refused.returncode != 0
    assert f"kubectl label namespace {WORKLOAD} --overwrite {ENFORCED}=restricted" in refused.stdout + refused.stderr
    pulumi(*preview, "--expect-no-changes")


@pytest.mark.usefixtures("apart")
def test_a_merge_is_copied_with_its_mark_and_rolled_out_from_the_own_registry(world: World, tmp_path: Path) -> None:
    pull_request = world.open({"message.txt": "From a registry of its own\n"})
    assert world.run("staging", pull_request)[1]
    digest = world.digest("staging")
    assert marks(world, f"{PATH}/chespirito@{digest}", tmp_path) == [], "the control: it is not there before the merge"
    world.merge(pull_request)
    run, succeeded, told = world.run(DELIVERY.removesuffix("-ci"), pull_request)
    assert succeeded, told
    assert run["metadata"]["name"].startswith(f"{prefix(APPLICATION, ENVIRONMENT)}-{pull_request.number}-")
    assert run["metadata"]["labels"]["tekton-delivery/environment"] == ENVIRONMENT
    assert world.status(ENVIRONMENT, pull_request.head_sha)[0] == "success"
    containers = world.kubernetes.deployment(WORKLOAD, DEPLOYMENT).spec.template.spec.containers
    assert [container.image for container in containers] == [f"{OWN}@{digest}"]
    assert f"proven: registry.internal:5000/chespirito@{digest}" in world.logs(run, "promote", "promote")
    assert f"proven: {OWN}@{digest}" in world.logs(run, "promote", "promote")
    (mark,) = marks(world, f"{PATH}/chespirito@{digest}", tmp_path)
    assert (mark["headSha"], mark["digest"]) == (pull_request.head_sha, digest)
    found = operate(world, "history", ENVIRONMENT, APPLICATION, "--json")
    assert found["running"] == f"{OWN}@{digest}", found
    assert found["runs"]["there"] > 0, "it has found where they are"
    assert (found["environment"], found["application"]) == (ENVIRONMENT, APPLICATION)
    # The shipped production heard of the same merge.
    assert world.run("production", pull_request)[1]


def operate(world: World, *arguments: str) -> Any:
    """What a command says as data, for somebody with rights in the whole cluster."""
    kubeconfig = {"KUBECONFIG": str(world.machine.cluster.kubeconfig)}
    command = [sys.executable, "-m", "operate", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | kubeconfig, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
