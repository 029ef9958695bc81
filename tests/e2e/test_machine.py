"""What people type: `make up` once more, `make status`, `make env`."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes import client

from local import machine
from local.follow import follow, wait_for_run
from local.forge.setup import REPOSITORY
from local.kubernetes_api import condition, wait_until
from local.paths import IMAGE_REFS, ROOT, SECRETS
from local.progress import Progress
from tests.e2e.world import World

TEKTON = ("tekton-pipelines", "tekton-pipelines-resolvers")
COMMAND = [sys.executable, "-m", "local"]
pytestmark = pytest.mark.usefixtures("alone")


def local(*arguments: str) -> str:
    """Run one of the make targets as make does; what it prints."""
    answer = subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_second_up_changes_nothing(world: World) -> None:
    # A run that an earlier test left going would change a Deployment.
    wait_until(lambda: not _in_flight(world), 120, "runs are still in flight")
    # Brings the stacks to what the files say now; another test may have been interrupted in the middle of a change.
    machine.up(Progress(write=lambda text: None, tty=False))
    before = _state(world)
    lines: list[str] = []
    machine.up(Progress(write=lines.append, tty=False))
    after = _state(world)
    for kind in before:
        assert after[kind] == before[kind], kind
    steps = [line.strip() for line in lines if "done (" in line]
    assert [step.partition(":")[0] for step in steps] == ["pulumi up"], "no other step was necessary"
    for stack in ("staging", "production"):
        (summary,) = (line.strip() for line in lines if line.strip().startswith(f"{stack}:"))
        assert re.fullmatch(rf"{stack}: \d+ unchanged", summary), summary


def _in_flight(world: World) -> list[str]:
    runs = [run for environment in world.listeners for run in world.kubernetes.runs(f"{environment}-ci")]
    return [run["metadata"]["name"] for run in runs if condition(run)[0] == "Unknown"]


def _state(world: World) -> dict[str, Any]:
    """What `up` makes, with what tells that it was made anew or written to."""
    forge = world.machine.forge.admin
    files = [path for folder in (IMAGE_REFS, SECRETS) for path in folder.rglob("*") if path.is_file()]
    ours = [f"{name}{ending}" for name in world.listeners for ending in ("", "-ci")]
    return {
        "processes": world.machine.cluster.status(),
        # Controllers write their state into an object's status; only somebody's wish raises its generation.
        "Deployments": {
            f"{item.metadata.namespace}/{item.metadata.name}": (item.metadata.uid, item.metadata.generation)
            for item in world.kubernetes.apps.list_deployment_for_all_namespaces().items
            if item.metadata.namespace in (*TEKTON, "kube-system", *ours)
        },
        "Tekton's kinds": {
            item.metadata.name: item.metadata.generation
            for item in client.ApiextensionsV1Api(world.kubernetes.api).list_custom_resource_definition().items
            if item.metadata.name.endswith("tekton.dev")
        },
        "Tekton's settings": _versions(world.kubernetes.core.list_namespaced_config_map("tekton-pipelines").items),
        "webhooks of Tekton": _versions(
            item
            for item in client.AdmissionregistrationV1Api(world.kubernetes.api).list_mutating_webhook_configuration().items
            if item.metadata.name.endswith("tekton.dev")
        ),
        "what the stacks declare": {
            (namespace, kind): {item["metadata"]["name"]: item["metadata"]["generation"] for item in items}
            for namespace in ours
            for group, version, kind in (
                ("tekton.dev", "v1", "tasks"),
                ("tekton.dev", "v1", "pipelines"),
                ("triggers.tekton.dev", "v1beta1", "eventlisteners"),
            )
            if (items := _objects(world, namespace, group, version, kind))
        },
        "secrets": {
            namespace: _versions(world.kubernetes.core.list_namespaced_secret(namespace).items) for namespace in ours
        },
        # Its name carries a fingerprint of its address and secret; each delivery writes to the rest.
        "webhooks of the forge": {
            (hook["id"], hook["name"], hook["active"])
            for hook in forge.all(f"repos/{REPOSITORY}/hooks", "list the webhooks")
        },
        "files": {str(path): path.stat().st_mtime_ns for path in files},
    }


def _versions(items: Iterable[Any]) -> dict[str, str]:
    return {item.metadata.name: item.metadata.resource_version for item in items}


def _objects(world: World, namespace: str, group: str, version: str, kind: str) -> list[Any]:
    items: list[Any] = world.kubernetes.custom.list_namespaced_custom_object(group, version, namespace, kind)["items"]
    return items


def test_status_tells_what_runs_where_and_which_runs_are_going_on(world: World) -> None:
    begun = datetime.now(UTC)
    pull_request = world.open({"status.txt": "To be seen in the status\n"})
    world.run("staging", pull_request)
    world.merge(pull_request)
    run, succeeded, message = world.run("production", pull_request)
    assert succeeded, message
    printed = local("status")
    for environment in world.listeners:
        (line,) = (line.split() for line in printed.splitlines() if line.split()[:2] == [environment, "chespirito"])
        _, _, ready, commit, digest, since, number = line[:7]
        assert ready == "1/1"
        assert commit == pull_request.head_sha[:12]
        assert digest == world.digest(environment)[:19]
        delivered = datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert begun - timedelta(seconds=2) < delivered < datetime.now(UTC) + timedelta(seconds=2)
        assert number == f"#{pull_request.number}"
    assert run["metadata"]["name"] not in printed, "it has ended"

    second = world.open({"status.txt": "Under way\n"})
    started = wait_for_run(world.kubernetes, "staging-ci", second.number)
    assert started["metadata"]["name"] in local("status").partition("Runs in flight")[2]
    assert follow(world.kubernetes, started, world.log.append)[0]


def test_env_makes_pulumi_and_kubectl_work_in_a_shell(world: World) -> None:
    exports = local("env")
    script = f"""{exports}
        kubectl get deployment --namespace staging --output name
        pulumi stack output listener --stack staging
        pulumi config get tekton-delivery:toolsImage.file --path --stack staging"""
    # What a user may have set for something else must not win.
    polluted = {**os.environ, "PULUMI_BACKEND_URL": "file:///nowhere", "PULUMI_CONFIG_PASSPHRASE": "another"}
    answer = subprocess.run(["sh", "-ec", script], cwd=ROOT, env=polluted, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "deployment.apps/chespirito-pod",
        "http://el-chespirito-github-el.staging-ci.svc.cluster.local:8080",
        ".local/images/tools",
    ]
    for line in exports.splitlines():
        assert shlex.split(line)[0] in ("export", "unset")
