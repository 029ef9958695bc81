"""Pulumi and the pipeline share a Deployment: the running image belongs to the pipeline, all else to Pulumi."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from local.paths import ROOT, SECRETS
from tests.e2e.stacks import Pulumi, altered, stack
from tests.e2e.world import World


@pytest.fixture(scope="module")
def delivered(world: World) -> str:
    """An image that the pipeline put on staging."""
    assert world.run("staging", world.open({"message.txt": "Owned by the pipeline\n"}))[1]
    return world.digest("staging")


def test_nothing_to_change_after_a_delivery(pulumi: Pulumi, delivered: str, world: World) -> None:
    pulumi("preview", "--stack", "staging", "--expect-no-changes")
    pulumi("up", "--stack", "staging", "--yes", "--skip-preview", "--expect-no-changes")
    assert world.digest("staging") == delivered


@pytest.mark.parametrize("preview", [True, False], ids=["with-preview", "skip-preview"])
def test_another_edit_of_the_deployment_leaves_the_running_image(
    pulumi: Pulumi, delivered: str, world: World, tmp_path: Path, preview: bool
) -> None:
    def memory(settings: dict[str, Any]) -> None:
        settings["applications"][0]["resources"] = {"memory": "300Mi"}

    flags = ["--stack", "staging", "--yes", *([] if preview else ["--skip-preview"])]
    try:
        pulumi("up", *flags, "--config-file", str(altered("staging", tmp_path, memory)))
        container = world.deployment("staging").spec.template.spec.containers[0]
        assert container.resources.limits["memory"] == "300Mi", "the control: the edit arrived"
        assert world.digest("staging") == delivered
    finally:
        pulumi("up", *flags)
    assert world.digest("staging") == delivered


def test_the_tracked_stack_files_are_not_written_to(pulumi: Pulumi) -> None:
    before = {path: path.read_bytes() for path in ROOT.glob("Pulumi*.yaml")}
    pulumi("preview", "--stack", "production")
    assert {path: path.read_bytes() for path in ROOT.glob("Pulumi*.yaml")} == before


def test_no_secret_is_in_plain_text_in_the_state(pulumi: Pulumi, world: World) -> None:
    state = pulumi("stack", "export", "--stack", "staging").stdout
    secrets = [
        *world.kubernetes.secret("staging-ci", "webhook-secret").values(),
        *world.kubernetes.secret("staging-ci", "forge-token").values(),
        world.kubernetes.secret("staging-ci", "ssh-directory")["ssh-privatekey"].splitlines()[1],
        *(password for host in ("registry", "quarantine") for password in _passwords(host)),
    ]
    assert all(len(secret) > 8 for secret in secrets)
    assert [secret for secret in secrets if secret in state] == []
    shown = pulumi("stack", "export", "--stack", "staging", "--show-secrets").stdout
    assert secrets[0] in shown, "the control: the state holds it, encrypted"


def _passwords(folder: str) -> list[str]:
    return [path.read_text() for path in (SECRETS / folder).iterdir()]


def test_destroy_leaves_nothing_behind(pulumi: Pulumi, world: World, tmp_path: Path) -> None:
    def rename(settings: dict[str, Any]) -> None:
        settings["environments"][0] |= {"name": "passing", "nodePorts": {}}

    assert _everything(world) == set()
    with stack(pulumi, "passing", altered("staging", tmp_path, rename)):
        made = _everything(world)
        assert ("Namespace", "passing") in made
        assert ("ClusterRole", "chespirito-github-el-passing") in made
        assert ("ValidatingAdmissionPolicy", "tekton-delivery-passing-runs") in made
    assert _everything(world) == set()


def _everything(world: World) -> set[tuple[str, str]]:
    """What is cluster-scoped and named after the environment: a namespace takes all that is in it along."""
    rbac = client.RbacAuthorizationV1Api(world.kubernetes.api)
    admission = client.AdmissionregistrationV1Api(world.kubernetes.api)
    kinds = {
        "Namespace": world.kubernetes.core.list_namespace(),
        "ClusterRole": rbac.list_cluster_role(),
        "ClusterRoleBinding": rbac.list_cluster_role_binding(),
        "ValidatingAdmissionPolicy": admission.list_validating_admission_policy(),
        "ValidatingAdmissionPolicyBinding": admission.list_validating_admission_policy_binding(),
    }
    return {
        (kind, item.metadata.name)
        for kind, found in kinds.items()
        for item in found.items
        if "passing" in item.metadata.name
    }
