"""A cluster that has been delivering for a while: what Pulumi calls drift, what it repairs, and what it never touches."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from local import pulumi_stacks
from local.demo import DEPLOYMENT
from local.progress import Progress
from tests.e2e.stacks import Pulumi, altered, cli
from tests.e2e.world import World

STAGING = ("--stack", "staging")
UP = ("up", *STAGING, "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def pulumi(world: World) -> Pulumi:
    return cli(world)


@pytest.fixture(scope="module")
def digest(world: World, pulumi: Pulumi) -> Iterator[str]:
    """An image that the pipeline put on staging; it is there after every test."""
    assert world.run("staging", world.open({"message.txt": "Owned by the pipeline\n"}))[1]
    delivered = world.digest("staging")
    yield delivered
    assert world.digest("staging") == delivered


def drifted(pulumi: Pulumi) -> set[tuple[str, str, str]]:
    """Kind and name of every object that is not as it was declared, and whether it was edited or deleted."""
    told = pulumi("refresh", *STAGING, "--preview-only").stdout
    return set(re.findall(r"^ [~-]\s+kubernetes:\S+:(\w+) (\S+) (update|delete)", told, re.MULTILINE))


def kubectl(world: World, *arguments: str) -> None:
    """What somebody does by hand."""
    binary = str(world.machine.folders["kubernetes"] / "kubectl")
    subprocess.run([binary, f"--kubeconfig={world.machine.cluster.kubeconfig}", *arguments], check=True, capture_output=True)


def test_neither_defaulting_webhooks_nor_deliveries_are_drift(pulumi: Pulumi, digest: str) -> None:
    for stack in ("staging", "production"):
        pulumi("preview", "--stack", stack, "--expect-no-changes")
        pulumi("refresh", "--stack", stack, "--yes", "--skip-preview", "--expect-no-changes")


def test_edits_by_hand_are_reported_and_repaired(pulumi: Pulumi, digest: str, world: World) -> None:
    rbac, network = client.RbacAuthorizationV1Api(world.kubernetes.api), client.NetworkingV1Api(world.kubernetes.api)
    everything = json.dumps([{"op": "add", "path": "/rules/0/verbs/-", "value": "delete"}])
    kubectl(world, "patch", "role", "deployer", "-n", "staging", "--type=json", "-p", everything)
    kubectl(world, "scale", "deployment", DEPLOYMENT, "-n", "staging", "--replicas=2")
    kubectl(world, "delete", "networkpolicy", "default-deny", "-n", "staging-ci")
    assert drifted(pulumi) == {
        ("Role", "staging-access-deployer", "update"),
        ("Deployment", "staging-chespirito-deployment", "update"),
        ("NetworkPolicy", "staging-network-delivery-default-deny", "delete"),
    }

    refused = pulumi(*UP, check=False)
    assert refused.returncode != 0, "who changed it by hand is asked first"
    assert "conflict" in refused.stdout + refused.stderr
    # As docs/ownership.md has it.
    kubectl(world, "scale", "deployment", DEPLOYMENT, "-n", "staging", "--replicas=1")
    repair(world)
    pulumi(*UP)
    pulumi("preview", *STAGING, "--expect-no-changes")
    (rule,) = [rule for rule in rbac.read_namespaced_role("deployer", "staging").rules if "deployments" in rule.resources]
    assert "delete" not in rule.verbs
    assert network.read_namespaced_network_policy("default-deny", "staging-ci")
    assert world.deployment("staging").spec.replicas == 1


def repair(world: World) -> None:
    """`pulumi up` that takes back what others own, Deployments excepted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
        cli(world)(*UP, "--exclude", "**$kubernetes:apps/v1:Deployment::*")


def test_an_update_that_races_with_a_delivery_is_refused_and_works_the_second_time(
    pulumi: Pulumi, digest: str, world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def more_memory(settings: dict[str, Any]) -> None:
        settings["applications"][0]["resources"] = {"memory": "300Mi"}

    file = altered("staging", tmp_path_factory.mktemp("race"), more_memory)
    # The state that a run read before the delivery, here by leaving the refresh out.
    assert world.run("staging", world.open({"message.txt": "During an update\n"}))[1]
    delivered = world.digest("staging")
    refused = pulumi(*UP, "--config-file", str(file), "--refresh=false", check=False)
    assert refused.returncode != 0
    told = refused.stdout + refused.stderr
    assert "Server-Side Apply field conflict detected" in told
    assert 'conflict with "tekton-delivery"' in told
    assert world.digest("staging") == delivered
    try:
        pulumi(*UP, "--config-file", str(file))
        assert world.deployment("staging").spec.template.spec.containers[0].resources.limits["memory"] == "300Mi"
        assert world.digest("staging") == delivered
    finally:
        pulumi(*UP)
    # The fixture's image comes back the way a person would bring it back.
    kubectl(
        world, "set", "image", f"deployment/{DEPLOYMENT}", f"app=registry.internal:5000/chespirito@{digest}",
        "-n", "staging", "--field-manager=tekton-delivery",
    )  # fmt: skip
    kubectl(world, "rollout", "status", f"deployment/{DEPLOYMENT}", "-n", "staging", "--timeout=90s")


def test_what_a_killed_run_made_is_taken_over(pulumi: Pulumi, digest: str, world: World) -> None:
    state = json.loads(pulumi("stack", "export", *STAGING).stdout)["deployment"]["resources"]
    (service,) = [one["urn"] for one in state if one["type"] == "kubernetes:core/v1:Service"]
    before = world.kubernetes.core.read_namespaced_service("chespirito", "staging").metadata.uid
    pulumi("state", "delete", service, *STAGING, "--yes")
    refused = pulumi(*UP, check=False)
    assert "already exists" in refused.stdout + refused.stderr, "the control: the state does not know it"
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = pulumi_stacks.BACKEND / ".pulumi/locks/organization/tekton-delivery/staging/killed.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(
        json.dumps({"pid": ended.pid, "username": "root", "hostname": "here", "timestamp": "2026-01-01T00:00:00Z"})
    )
    lines: list[str] = []
    machine = world.machine
    pulumi_stacks.up(machine.cluster, machine.folders, Progress(write=lines.append, tty=False))
    assert any("staging: after a killed run: 1 created" in line for line in lines), lines
    assert world.kubernetes.core.read_namespaced_service("chespirito", "staging").metadata.uid == before
    assert not lock.exists()
    pulumi("preview", *STAGING, "--expect-no-changes")
