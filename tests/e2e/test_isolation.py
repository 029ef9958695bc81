"""Staging can never touch production, and a stranger cannot read the private repository."""

import os
import subprocess
from pathlib import Path

import httpx
import pytest
from kubernetes import client
from kubernetes.dynamic import DynamicClient

from components.conventions import FREEZE
from local.demo import DEPLOYMENT
from local.forge.setup import REPOSITORY
from tests.e2e.world import World

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def _resources(world: World) -> list[tuple[str, str]]:
    """Every namespaced resource that the API server knows: group and plural, subresources included."""
    found = set()
    for resource in DynamicClient(world.kubernetes.api).resources.search(namespaced=True):
        group, plural = resource.group or "", resource.name
        if plural:
            found |= {(group, plural), *((group, f"{plural}/{name}") for name in resource.subresources)}
    return sorted(found)


def _allowed(world: World, account: str, namespace: str) -> set[tuple[str, str, str]]:
    """What an account of staging-ci may do in a namespace, asked of the API server for every resource and verb."""
    review = client.AuthorizationV1Api(world.kubernetes.api)
    user = f"system:serviceaccount:staging-ci:{account}"
    groups = ["system:serviceaccounts", "system:serviceaccounts:staging-ci", "system:authenticated"]
    allowed = set()
    for group, plural in _resources(world):
        resource, _, subresource = plural.partition("/")
        for verb in VERBS:
            attributes = client.V1ResourceAttributes(
                group=group, resource=resource, subresource=subresource or None, verb=verb, namespace=namespace,
                name={"deployments": DEPLOYMENT, "leases": DEPLOYMENT, "configmaps": FREEZE}.get(resource),
            )  # fmt: skip
            spec = client.V1SubjectAccessReviewSpec(user=user, groups=groups, resource_attributes=attributes)
            answer = review.create_subject_access_review(client.V1SubjectAccessReview(spec=spec))
            if answer.status.allowed:
                allowed.add((group, plural, verb))
    return allowed


@pytest.mark.parametrize("namespace", ["production", "production-ci"])
def test_the_api_server_refuses_stagings_deployer_everything_in_production(world: World, namespace: str) -> None:
    assert _allowed(world, "deployer", namespace) == set()


def test_stagings_deployer_may_do_in_staging_what_it_is_for_and_no_more(world: World) -> None:
    assert _allowed(world, "deployer", "staging") == {
        *(("apps", "deployments", verb) for verb in ("get", "list", "watch", "patch")),
        *(("coordination.k8s.io", "leases", verb) for verb in ("get", "watch", "update")),
        ("", "configmaps", "get"),
        *(("", what, "list") for what in ("pods", "events")),
    }


def test_the_private_repository_cannot_be_fetched_without_the_key(world: World, tmp_path: Path) -> None:
    forge = world.machine.forge
    assert _fetch(world, forge.deploy_key).returncode == 0, "the control: the deploy key opens it"
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    assert _fetch(world, stranger).returncode != 0
    page = httpx.get(f"{forge.url}/{REPOSITORY}.git/info/refs?service=git-upload-pack", trust_env=False)
    assert page.status_code in (401, 403, 404)


def _fetch(world: World, key: Path) -> "subprocess.CompletedProcess[str]":
    node = world.machine.cluster.node_ip
    ssh = (
        f"ssh -F /dev/null -i {key} -o IdentitiesOnly=yes -o BatchMode=yes -o HostKeyAlias=[forge.internal]:2222 "
        f"-o UserKnownHostsFile={world.machine.forge.known_hosts} -o StrictHostKeyChecking=yes"
    )
    command = ["git", "ls-remote", f"ssh://git@{node}:2222/{REPOSITORY}.git", "HEAD"]
    return subprocess.run(command, env=os.environ | {"GIT_SSH_COMMAND": ssh}, capture_output=True, text=True)
