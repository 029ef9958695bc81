"""A cluster that has been delivering for a while: what Pulumi calls drift, what it repairs, and what it never touches."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local import pulumi_stacks
from local.demo import DEPLOYMENT
from local.paths import ROOT
from local.progress import Progress
from tests.e2e.stacks import Pulumi, altered, cli, side_by_side
from tests.e2e.world import World

Edit = dict[str, Any]
SUBJECT = {"kind": "ServiceAccount", "name": "default", "namespace": "staging-ci"}


def add(path: str, value: Any) -> Edit:
    return {"op": "add", "path": path, "value": value}


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


def drift(world: World, stack: str, *flags: str) -> tuple[int, list[str]]:
    """Run `operate drift` as a person does. Returns its exit code and what it tells of each object."""
    variables = pulumi_stacks.process_environment(world.machine.cluster, world.machine.folders)
    command = [sys.executable, "-m", "operate", "drift", stack, *flags]
    answer = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    *told, summary = (answer.stdout or answer.stderr).splitlines()
    assert summary.startswith(f"{stack}: "), answer.stderr
    return answer.returncode, told


def kubectl(world: World, *arguments: str) -> None:
    """What somebody does by hand."""
    binary = str(world.machine.folders["kubernetes"] / "kubectl")
    subprocess.run([binary, f"--kubeconfig={world.machine.cluster.kubeconfig}", *arguments], check=True, capture_output=True)


def test_neither_defaulting_webhooks_nor_deliveries_are_drift(pulumi: Pulumi, digest: str, world: World) -> None:
    def unchanged(stack: str) -> None:
        pulumi("preview", "--stack", stack, "--expect-no-changes")
        pulumi("refresh", "--stack", stack, "--yes", "--skip-preview", "--expect-no-changes")
        assert drift(world, stack) == (0, [])

    side_by_side(unchanged, "staging", "production")


# What somebody may do by hand to what trust rests on, most of which the provider does not see: kind, namespace, name,
# where, and a JSON patch.
EDITS: list[tuple[str, str, str, str, Edit]] = [
    ("Role", "staging", "deployer", "rules[0].verbs[4] was added", add("/rules/0/verbs/-", "delete")),
    (
        "Role", "staging-ci", "supervisor", "was added",
        add("/rules/-", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}),
    ),
    ("RoleBinding", "staging", "deployer", "subjects[1] was added", add("/subjects/-", SUBJECT)),
    (
        "ClusterRole", "", "chespirito-github-el-staging", "was added",
        add("/rules/-", {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}),
    ),
    ("ClusterRoleBinding", "", "chespirito-github-el-staging", "subjects[1] was added", add("/subjects/-", SUBJECT)),
    ("NetworkPolicy", "staging-ci", "default-deny", "spec.egress was added", add("/spec/egress", [{}])),
    ("NetworkPolicy", "staging", "anyone-to-chespirito", "was added", add("/spec/ingress/-", {})),
    ("Secret", "staging-ci", "webhook-secret", "data.another was added", add("/data/another", "eA==")),
    ("Secret", "staging-ci", "forge-token", "data.token was changed", add("/data/token", "eA==")),
    ("ServiceAccount", "staging-ci", "reporter", "was added", add("/imagePullSecrets/-", {"name": "another"})),
    ("ServiceAccount", "staging-ci", "untrusted", "was changed", add("/automountServiceAccountToken", True)),
    ("Task", "staging-ci", "report", "was added", add("/spec/steps/-", {"name": "more", "image": "a", "script": "true"})),
    ("Task", "staging-ci", "stage", "was added", add("/spec/steps/0/env/-", {"name": "ADDED", "value": "1"})),
    (
        "Pipeline", "staging-ci", "chespirito-staging-pipeline", "was added",
        add("/spec/tasks/-", {"name": "more", "taskRef": {"name": "report", "kind": "Task"}}),
    ),
    (
        "EventListener", "staging-ci", "chespirito-github-el", "was added",
        add("/spec/triggers", [{"triggerRef": "another"}]),
    ),
    ("TriggerTemplate", "staging-ci", "github-pr-trigger-template", "was added", add("/spec/params/-", {"name": "more"})),
    (
        "ValidatingAdmissionPolicy", "", "tekton-delivery-staging-deploys", "was added",
        add("/spec/matchConditions/-", {"name": "never", "expression": "false"}),
    ),
    (
        "ValidatingAdmissionPolicyBinding", "", "tekton-delivery-staging-runs", "was changed",
        add("/spec/validationActions", ["Audit"]),
    ),
    ("ResourceQuota", "staging-ci", "pods", "was added", add("/spec/hard/services", "5")),
    (
        "Namespace", "", "staging-ci", "was changed",
        add("/metadata/labels/pod-security.kubernetes.io~1enforce", "privileged"),
    ),
    ("CronJob", "staging-ci", "pruner", "was changed", add("/spec/suspend", True)),
    ("Service", "staging", "chespirito", "was added", add("/spec/selector/more", "labels")),
    (
        "Deployment", "staging", DEPLOYMENT, "was added",
        add("/spec/template/spec/containers/0/env/-", {"name": "ADDED", "value": "1"}),
    ),
]  # fmt: skip


def test_edits_by_hand_are_seen_each_and_put_back(pulumi: Pulumi, digest: str, world: World) -> None:
    assert drift(world, "staging") == (0, [])
    for kind, namespace, name, _, patch in EDITS:
        flags = ["-n", namespace] if namespace else []
        kubectl(world, "patch", kind, name, *flags, "--type=json", "-p", json.dumps([patch]))
    kubectl(world, "create", "rolebinding", "stranger", "-n", "staging-ci", "--clusterrole=view", "--user=eve")
    code, told = drift(world, "staging")
    assert code == 1
    unseen = []
    for kind, namespace, name, where, _ in EDITS:
        what = f"{kind} {namespace}/{name}: " if namespace else f"{kind} {name}: "
        if not any(line.startswith(what) and where in line for line in told):
            unseen.append((what, where))
    assert unseen == [], told
    strange = "RoleBinding staging-ci/stranger: is not declared; delete it, or declare it"
    assert strange in told
    assert len(told) == len(EDITS) + 1, told

    drift(world, "staging", "--repair")
    assert drift(world, "staging") == (1, [strange]), "what is not declared is somebody's: a person decides"
    kubectl(world, "delete", "rolebinding", "stranger", "-n", "staging-ci")
    assert drift(world, "staging") == (0, [])
    kubectl(world, "rollout", "status", f"deployment/{DEPLOYMENT}", "-n", "staging", "--timeout=90s")
    pulumi("preview", *STAGING, "--expect-no-changes")


def test_what_was_put_back_can_be_changed_by_the_program(
    pulumi: Pulumi, digest: str, world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A repair leaves no owner with whom the next `pulumi up` is in conflict."""
    patch = json.dumps(
        [{"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "1Gi"}]
    )
    kubectl(world, "patch", "deployment", DEPLOYMENT, "-n", "staging", "--type=json", "-p", patch)
    drift(world, "staging", "--repair")
    assert drift(world, "staging") == (0, [])

    def more_memory(settings: dict[str, Any]) -> None:
        settings["applications"][0]["resources"] = {"memory": "310Mi"}

    file = altered("staging", tmp_path_factory.mktemp("repaired"), more_memory)
    try:
        pulumi("preview", *STAGING, "--config-file", str(file))
        pulumi(*UP, "--config-file", str(file))
        assert world.deployment("staging").spec.template.spec.containers[0].resources.limits["memory"] == "310Mi"
    finally:
        pulumi(*UP)


def test_a_deleted_object_is_made_anew(pulumi: Pulumi, digest: str, world: World) -> None:
    kubectl(world, "delete", "networkpolicy", "default-deny", "-n", "staging-ci")
    code, told = drift(world, "staging")
    assert (code, told) == (1, ["NetworkPolicy staging-ci/default-deny: is missing; `pulumi up` makes it"])
    pulumi(*UP)
    assert drift(world, "staging") == (0, [])


def test_a_scaled_deployment_is_put_back(pulumi: Pulumi, digest: str, world: World) -> None:
    kubectl(world, "scale", "deployment", DEPLOYMENT, "-n", "staging", "--replicas=2")
    refused = pulumi(*UP, check=False)
    assert refused.returncode != 0, "who changed it by hand is asked first"
    assert "conflict" in refused.stdout + refused.stderr
    drift(world, "staging", "--repair")
    assert world.deployment("staging").spec.replicas == 1
    kubectl(world, "rollout", "status", f"deployment/{DEPLOYMENT}", "-n", "staging", "--timeout=90s")
    pulumi(*UP)
    pulumi("preview", *STAGING, "--expect-no-changes")


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
    assert "server-side apply field conflict detected" in told.lower()
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
    kinds = ("kubernetes:core/v1:Service", "kubernetes:batch/v1:CronJob")
    lost = [one["urn"] for one in state if one["type"] in kinds]
    before = world.kubernetes.core.read_namespaced_service("chespirito", "staging").metadata.uid
    for urn in lost:
        pulumi("state", "delete", urn, *STAGING, "--yes")
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
    assert any(f"staging: after a killed run: {len(lost)} created" in line for line in lines), lines
    assert world.kubernetes.core.read_namespaced_service("chespirito", "staging").metadata.uid == before
    assert not lock.exists()
    pulumi("preview", *STAGING, "--expect-no-changes")
