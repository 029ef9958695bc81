"""Staging on one cluster, production on a second one with a registry of its own: the stack's configuration decides.

The second cluster is as somebody else's: Kubernetes alone, in another shape. It gets its Tekton from the stack in `tekton/`,
and staging of another repository too. Everything here belongs to it and goes with it; production on the first cluster gets
its webhook back.
"""

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from local import pulumi_stacks, second_cluster
from local.cluster.names import PLAIN
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.kubernetes_api import Kubernetes, wait_until
from local.machine import LISTENER
from local.paths import IMAGE_REFS, ROOT
from local.progress import Progress
from tests.e2e import somebody_elses
from tests.e2e.second_cluster import Production, Second, elsewhere, listener_service
from tests.e2e.somebody_elses import Staging
from tests.e2e.stacks import altered, runner
from tests.e2e.world import World

QUIET = Progress(write=lambda text: None, tty=False)


@pytest.fixture(scope="module")
def second(world: World) -> Iterator[Second]:
    second_cluster.down(QUIET)
    try:
        cluster = second_cluster.up(world.machine, QUIET)
        yield Second(cluster, second_cluster.install_tekton(world.machine, cluster, QUIET))
    finally:
        second_cluster.down(QUIET)


@pytest.fixture(scope="module")
def production(second: Second, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("apart")
    file = altered("production", folder, lambda settings: elsewhere(settings, world, folder))
    variables = pulumi_stacks.process_environment(second.cluster, world.machine.folders)
    pulumi_stacks.command(second_cluster.NAME, variables, "stack", "select", "--create", second_cluster.NAME)
    made = Production(second, file, {}, world)
    made.pulumi("up")
    second.api.wait_for_deployment("production-ci", LISTENER, seconds=90)
    second.api.core.create_namespaced_service("production-ci", listener_service())
    secret = second.api.webhook_secret("production-ci")
    here = world.kubernetes.service_address("production-ci", LISTENER)
    there = f"http://{second.cluster.node_ip}:{second_cluster.LISTENER_PORT}"
    world.machine.forge.ensure_webhook("production", there, secret)
    kubeconfig = yaml.safe_load(second.cluster.kubeconfig.read_text())
    made.secrets.update(
        {
            "webhook secret": secret,
            "forge token": (folder / "forge-token").read_text().strip(),
            # The lines before it are alike in all keys, or public.
            "deploy key": (folder / "id_ed25519").read_text().splitlines()[3],
            "registry's reader": second.password("puller"),
            "registry's writer": second.password("deployer"),
            "kubeconfig's key": kubeconfig["users"][0]["user"]["client-key-data"],
            "address": second.cluster.node_ip,
        }
    )
    try:
        yield made
    finally:
        world.machine.forge.ensure_webhook("production", f"http://{here}:8080", world.webhook_secrets["production"])


def test_switching_cluster_and_registry_is_configuration_alone(production: Production) -> None:
    shipped = yaml.safe_load((ROOT / "Pulumi.production.yaml").read_text())["config"]
    config = yaml.safe_load(production.file.read_text())["config"]
    changed = {key for key in shipped.keys() | config.keys() if shipped.get(key) != config.get(key)}
    assert changed == {f"tekton-delivery:{key}" for key in ("cluster", "forge", "registry", "sourceRegistry")}


@pytest.fixture(scope="module")
def merged(production: Production, world: World) -> PullRequest:
    """A pull request that was merged after staging ran it."""
    pull_request = world.open({"message.txt": "On a cluster of its own\n"})
    assert world.run("staging", pull_request)[1]
    world.merge(pull_request)
    return pull_request


def test_a_merge_brings_the_digest_across_with_its_mark(production: Production, merged: PullRequest, world: World) -> None:
    arrived(production, merged)
    assert production.image == f"registry.internal:5000/chespirito@{world.digest('staging')}", "out of its own registry"
    assert world.status("production", merged.head_sha)[0] == "success"
    assert world.runs("production", merged.number) == [], "production of the first cluster heard nothing"


def arrived(production: Production, pull_request: PullRequest) -> None:
    """Wait for a run of the second cluster's production to succeed."""
    run = wait_for_run(production.second.api, "production-ci", pull_request.number, seconds=60)
    succeeded, told = follow(production.second.api, run, production.world.log.append)
    assert succeeded, told


def test_nothing_of_production_answers_in_staging_s_cluster(production: Production, world: World) -> None:
    there, here = production.second.cluster.node_ip, world.machine.cluster.node_ip
    ports = {
        "API": PLAIN.api_port,
        "registry": 5000,
        "quarantine": 5001,
        "kubelet": 10250,
        "listener": second_cluster.LISTENER_PORT,
    }
    seen = answering(world.kubernetes, {name: f"{there}:{port}" for name, port in ports.items()} | {"own": f"{here}:5000"})
    assert seen == {"own"}, "the control: its own registry answers"


def test_production_reaches_the_forge_and_staging_s_registry_and_no_more(production: Production, world: World) -> None:
    here = world.machine.cluster.node_ip
    opened = {"forge": "forge.internal:3000", "git": "forge.internal:2222", "registry": second_cluster.STAGING_REGISTRY}
    closed = {"API": f"{here}:6443", "quarantine": f"{here}:5001", "kubelet": f"{here}:10250", "page": f"{here}:30080"}
    assert answering(production.second.api, opened | closed) == set(opened)


def test_no_object_of_staging_s_cluster_holds_anything_of_production_s(production: Production, world: World) -> None:
    kubectl = [str(world.machine.folders["kubernetes"] / "kubectl"), f"--kubeconfig={world.machine.cluster.kubeconfig}"]
    listed = subprocess.run([*kubectl, "api-resources", "--verbs=list", "--output=name"], capture_output=True, text=True)
    kinds = ",".join(listed.stdout.split())
    everything = subprocess.run([*kubectl, "get", kinds, "-A", "-o", "json"], capture_output=True, text=True).stdout
    decoded = everything + "".join(texts(world.kubernetes))
    assert world.webhook_secrets["staging"] in decoded, "the control: staging's own is found"
    assert [name for name, secret in production.secrets.items() if secret in decoded] == []


def texts(kubernetes: Kubernetes) -> Iterator[str]:
    """The decoded values of every Secret, and of the logins in them."""
    for secret in kubernetes.core.list_secret_for_all_namespaces().items:
        for value in (secret.data or {}).values():
            text = base64.b64decode(value).decode(errors="replace")
            yield text
            if secret.type == "kubernetes.io/dockerconfigjson":
                yield from (base64.b64decode(login["auth"]).decode() for login in json.loads(text)["auths"].values())


def answering(kubernetes: Kubernetes, addresses: dict[str, str]) -> set[str]:
    """Which of the addresses take a connection from a pod."""
    name = f"probe-{uuid.uuid4().hex[:8]}"
    # 6, 7 and 28: no such name, refused, no answer in time. What is no HTTP answers in its own way. A new pod's first
    # question about a name may be lost, and is asked again after 5 s (docs/decisions/0015-network-policies.md).
    script = 'for at; do curl -s -o /dev/null -m 7 "http://$at/"; case $? in 6|7|28) ;; *) echo "$at" ;; esac; done'
    container = {
        "name": name,
        "image": (IMAGE_REFS / "tools").read_text().strip(),
        "command": ["sh", "-c", script, "probe", *addresses.values()],
    }
    spec = {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False}
    kubernetes.core.create_namespaced_pod("default", client.V1Pod(metadata=client.V1ObjectMeta(name=name), spec=spec))
    try:
        phase = lambda: kubernetes.core.read_namespaced_pod(name, "default").status.phase  # noqa: E731
        wait_until(lambda: phase() in ("Succeeded", "Failed"), 90, f"{name} does not end")
        answered = set(str(kubernetes.core.read_namespaced_pod_log(name, "default")).split())
    finally:
        kubernetes.core.delete_namespaced_pod(name, "default")
    return {name for name, address in addresses.items() if address in answered}


def test_a_destroyed_production_comes_back_with_what_it_served(
    production: Production, merged: PullRequest, world: World
) -> None:
    served = production.image
    production.pulumi("destroy")
    production.pulumi("up")
    assert production.image == (IMAGE_REFS / "tools").read_text().strip(), "the placeholder"
    token = yaml.safe_load(production.file.read_text())["config"]["tekton-delivery:forge"]["token"]["file"]
    given = {"KUBECONFIG": str(production.second.cluster.kubeconfig), "FORGE_TOKEN": Path(token).read_text().strip()}
    command = ["-m", "operate", "deliver", "production", "chespirito", str(merged.number)]
    answer = subprocess.run(
        [sys.executable, *command, "--api-url", f"{world.machine.forge.url}/api/v1"],
        cwd=ROOT, env=os.environ | given, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    arrived(production, merged)
    assert production.image == served


def test_a_renamed_application_is_a_new_deployment_in_the_same_namespaces(production: Production, tmp_path: Path) -> None:
    core, apps = production.second.api.core, production.second.api.apps
    before = {name: core.read_namespace(name).metadata.uid for name in ("production", "production-ci")}
    config = yaml.safe_load(production.file.read_text())
    config.pop("encryptionsalt", None)
    config["config"]["tekton-delivery:applications"][0]["name"] = "renamed"
    config["config"]["tekton-delivery:environments"][0]["nodePorts"] = {}
    (tmp_path / "Pulumi.renamed.yaml").write_text(json.dumps(config))
    production.pulumi("up", file=tmp_path / "Pulumi.renamed.yaml")
    assert [item.metadata.name for item in apps.list_namespaced_deployment("production").items] == ["renamed-pod"]
    assert {name: core.read_namespace(name).metadata.uid for name in before} == before


@pytest.fixture(scope="module")
def staging(second: Second, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    with somebody_elses.staging(second, world, tmp_path_factory.mktemp("elsewhere")) as made:
        yield made


@pytest.fixture(scope="module")
def opened(staging: Staging) -> PullRequest:
    return staging.open("On a cluster of others")


def test_a_pull_request_is_on_staging_of_a_cluster_that_has_nothing_of_this_project(
    staging: Staging, opened: PullRequest
) -> None:
    """Tekton and the profile for builds came by the stack for them, all else by the settings that documents tell."""
    succeeded, told = staging.run(opened)
    assert succeeded, told
    assert staging.image.startswith("registry.internal:5000/elsewhere@sha256:")
    staging.serves("On a cluster of others")
    assert staging.status(opened.head_sha).state == "success"


def test_tekton_of_the_second_cluster_is_a_stack_that_is_not_destroyed_by_accident(second: Second, world: World) -> None:
    assert "created" in second.tekton
    tekton = pulumi(second, world)
    before = deployed(second)
    tekton("preview", "--expect-no-changes")
    refused = tekton("destroy", "--yes", "--skip-preview", check=False)
    assert refused.returncode != 0
    assert "protected" in refused.stdout + refused.stderr
    assert deployed(second) == before


def test_a_tekton_that_is_there_is_adopted_and_not_started_anew(second: Second, world: World, tmp_path: Path) -> None:
    tekton = pulumi(second, world)
    before = deployed(second)
    tekton("stack", "rm", second_cluster.NAME, "--force", "--yes", "--preserve-config")
    tekton("stack", "select", "--create", second_cluster.NAME)
    config = yaml.safe_load(second_cluster.tekton_file(second.cluster).read_text())
    (tmp_path / "Pulumi.adopt.yaml").write_text(json.dumps({"config": config["config"] | {"tekton:adopt": "true"}}))
    tekton("up", "--yes", "--skip-preview", "--config-file", str(tmp_path / "Pulumi.adopt.yaml"))
    assert deployed(second) == before


def test_upstream_s_tekton_takes_the_flag_that_the_document_names(
    staging: Staging, opened: PullRequest, second: Second, world: World
) -> None:
    somebody_elses.apply_upstreams_tekton(second, world)
    staging.push(opened, "Under upstream's flags")
    succeeded, told = staging.run(opened, known=1)
    assert not succeeded
    assert "must set allowPrivilegeEscalation: false" in told
    somebody_elses.run_documented(second, world, "kubectl patch configmap feature-flags")
    staging.push(opened, "With the flag")
    succeeded, told = staging.run(opened, known=2)
    assert succeeded, told
    staging.serves("With the flag")


def deployed(second: Second) -> dict[str, str]:
    """What runs of Tekton: a Deployment that starts its pods anew gets another ReplicaSet."""
    found = second.api.apps.list_namespaced_replica_set("tekton-pipelines").items
    return {item.metadata.name: item.metadata.uid for item in found}


def pulumi(second: Second, world: World) -> Any:
    """The CLI on the second cluster's Tekton stack."""
    variables = pulumi_stacks.process_environment(second.cluster, world.machine.folders)
    run = runner(variables | pulumi_stacks.WITHOUT_CHECKPOINTS, second_cluster.TEKTON)

    def on_its_stack(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        file = [] if "--config-file" in arguments else ["--config-file", str(second_cluster.tekton_file(second.cluster))]
        named = [] if arguments[0] == "stack" else ["--stack", second_cluster.NAME, *file]
        return run(*arguments, *named, check=check)

    return on_its_stack
