"""Two applications in one repository, in a stack of their own: each is delivered for what lies in its paths, and asked.

The stack's credentials are in Secrets of the cluster, which somebody else makes and changes.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.follow import follow
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object, wait_until
from local.paths import SECRETS
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

LISTENER = "el-mono-github-el"
NAMESPACES = ("mono-ci", "mono-live-ci")
SHARED = ["Dockerfile", "render.sh", "serve.sh", "test.sh"]


def two_applications(settings: dict[str, Any]) -> None:
    settings["listener"] = {"name": LISTENER.removeprefix("el-")}
    for environment, name in zip(settings["environments"], ("mono", "mono-live"), strict=True):
        environment |= {"name": name, "nodePorts": {}}
    settings["environments"][1]["promotesFrom"] = "mono"
    settings["forge"] |= {"token": {"secret": {"name": "statuses", "key": "gitea"}}}
    del settings["forge"]["ssh"]["privateKey"]
    settings["forge"]["ssh"]["deployKeys"] = {REPOSITORY: {"secret": {"name": "mono-key", "key": "id"}}}
    settings["mark"]["privateKey"] = {"secret": {"name": "cosign", "key": "cosign.key"}}
    quarantine = settings["build"]["quarantine"]
    settings["registry"]["write"] = quarantine["read"] = {"secret": {"name": "pushes"}}
    quarantine["write"] = {"secret": {"name": "builds"}}
    (first,) = settings["applications"]
    check = {"path": "/", "contains": "revision", "timeout": "10s"}
    settings["applications"] = [
        first | {"paths": [*SHARED, "message.txt"]},
        first | {"name": "extra", "paths": [*SHARED, "extra.txt"], "smokeCheck": check},
    ]


@pytest.fixture(scope="module")
def mono(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file = altered("both", tmp_path_factory.mktemp("mono"), two_applications)
    with stack(pulumi, "mono", file, beside=True), heard(world, "mono", "mono", LISTENER):
        for namespace in NAMESPACES:
            hold(world, namespace)
        yield


def hold(world: World, namespace: str) -> None:
    """Make the Secrets that the stack names. No `pulumi up` knows what is in them."""
    texts = {
        "statuses": {"gitea": "of no use"},
        "mono-key": {"id": (SECRETS / "ssh" / "id_ed25519").read_text()},
        "cosign": {"cosign.key": (SECRETS / "mark" / "cosign.key").read_text()},
        "pushes": logins(registry="deployer", quarantine="deployer"),
        "builds": logins(quarantine="untrusted"),
    }
    for name, data in texts.items():
        kind = "kubernetes.io/dockerconfigjson" if ".dockerconfigjson" in data else "Opaque"
        world.kubernetes.core.create_namespaced_secret(
            namespace, {"metadata": {"name": name}, "type": kind, "stringData": data}
        )


def logins(**users: str) -> dict[str, str]:
    """A docker config with a user of each registry."""
    hosts = {"registry": "registry.internal:5000", "quarantine": "quarantine.internal:5001"}
    auths = {}
    for registry, user in users.items():
        pair = f"{user}:{(SECRETS / registry / user).read_text().strip()}"
        auths[hosts[registry]] = {"auth": base64.b64encode(pair.encode()).decode()}
    return {".dockerconfigjson": json.dumps({"auths": auths})}


def rotate(world: World) -> None:
    """Let both environments set statuses by a new token; the one before opens nothing any more."""
    token = world.machine.forge.admin.new_token("reporter-staging", "mono", ["write:repository"])
    for namespace in NAMESPACES:
        world.kubernetes.core.patch_namespaced_secret("statuses", namespace, {"stringData": {"gitea": f"{token}\n"}})


def ended(world: World, environment: str, pull_request: PullRequest) -> dict[str, Object]:
    """The runs of a pull request, one for each application, once they have succeeded."""

    def started() -> dict[str, Object]:
        found = world.kubernetes.runs(f"{environment}-ci", pull_request=str(pull_request.number))
        return {run["metadata"]["labels"]["app.kubernetes.io/name"]: run for run in found}

    wait_until(lambda: len(started()) == 2, 30, f"{environment} has not started a run for each application")
    runs = started()
    for run in runs.values():
        succeeded, told = follow(world.kubernetes, run, world.log.append)
        assert succeeded, told
    return runs


def images(world: World, environment: str) -> dict[str, str]:
    return {
        name: world.kubernetes.deployment(environment, f"{name}-pod").spec.template.spec.containers[0].image
        for name in ("chespirito", "extra")
    }


@pytest.mark.usefixtures("mono")
def test_each_application_is_delivered_for_what_lies_in_its_paths(world: World) -> None:
    before = {environment: images(world, environment) for environment in ("mono", "mono-live")}
    rotate(world)
    pull_request = world.open({"extra.txt": "For one of the two\n"})
    runs = ended(world, "mono", pull_request)
    tasks = {
        name: {
            item["metadata"]["labels"]["tekton.dev/pipelineTask"]
            for item in world.kubernetes.task_runs("mono-ci", run["metadata"]["name"])
        }
        for name, run in runs.items()
    }
    assert {"build", "stage"} <= tasks["extra"]
    assert tasks["chespirito"] == {"begin", "needed", "report"}
    staged = images(world, "mono")
    assert staged["chespirito"] == before["mono"]["chespirito"]
    assert "/extra@sha256:" in staged["extra"]
    assert world.status("mono/extra", pull_request.head_sha)[0] == "success"
    assert world.status("mono/chespirito", pull_request.head_sha)[1].startswith("nothing to stage: it does not touch")
    assert world.status("promotable/chespirito", pull_request.head_sha)[0] == "success"

    # What its next run reports by; nobody runs `pulumi up`.
    rotate(world)
    world.merge(pull_request)
    ended(world, "mono-live", pull_request)
    assert world.status("mono-live/extra", pull_request.head_sha)[0] == "success"
    live = images(world, "mono-live")
    assert live == {"chespirito": before["mono-live"]["chespirito"], "extra": staged["extra"]}
    assert "the merge does not touch" in world.status("mono-live/chespirito", pull_request.head_sha)[1]
