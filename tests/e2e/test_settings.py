"""Settings that the shipped stacks leave at their defaults, seen on the cluster: one stack that uses them, one delivery."""

import base64
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.stream import stream as execute

from local.follow import follow
from local.forge.client import PullRequest
from local.kubernetes_api import Object, wait_until
from tests.e2e import migrating, migrations
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World, pods

BUILT_FROM = ["Dockerfile", "render.sh", "serve.sh", "test.sh"]
# In the application's image alone.
SCRIPT = "/opt/chespirito/serve.sh"
SECRET, OTHER = "a-secret-of-the-application", "another-secret-of-it"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("settings")
    (made / "database-url").write_text(SECRET)
    return made


def settings_of(folder: Path) -> Callable[[dict[str, Any]], None]:
    source = {"file": str(folder / "database-url")}

    def change(settings: dict[str, Any]) -> None:
        qa, live = settings["environments"]
        qa["exposure"] = {"ingress": {"className": "nginx", "clusterIssuer": "none"}}
        qa["applications"] = {
            "chespirito": {
                "env": {"LOG_LEVEL": "debug"},
                "secrets": {"env": {"DATABASE_URL": source}, "files": {"database-url": source}},
                "autoscaling": {"min": 2, "max": 3},
                "host": "chespirito.qa.example",
            }
        }
        live["applications"] = {"chespirito": {"replicas": 3}}
        (application,) = settings["applications"]
        application["paths"] = [*BUILT_FROM, "message.txt"]
        worker = {"name": "worker", "paths": [*BUILT_FROM, "worker.txt"], "port": "none", "user": 1000, "group": 1001}
        # What stands for it until the first delivery has a shell too, and nothing below /opt.
        command = {"command": ["sh", "-c"], "args": ['set -eu; cat "$0"; trap exit TERM; sleep 3600 & wait', SCRIPT]}
        common = {key: application[key] for key in ("repository", "testCommand", "buildArgs")}
        application["probes"] = {"liveness": {"path": "/healthz"}, "startup": {"path": "/healthz", "timeout": "30s"}}
        application["resources"] = {"memory": "128Mi", "requests": {"cpu": "20m", "memory": "32Mi"}}
        # Nothing of it is ever delivered here, and what runs in its place is asked all the same.
        probes = {"port": 8081, "liveness": {"path": "/livez/deep"}, "startup": {"path": "/livez?full=1"}}
        waiting = {"name": "waiting", "repository": "acme/waiting", "healthPath": "/readyz", "probes": probes}
        settings["applications"] += [waiting | {"env": {"PATH": "/app/bin"}}, common | worker | command]
        settings["build"] |= {"storage": {"volume": {"size": "1Gi"}}, "imageResources": {"memory": "3Gi"}}

    return change


@pytest.fixture(scope="module")
def configured(world: World, pulumi: Pulumi, folder: Path) -> Iterator[Path]:
    """The stack `both` with these settings, and the forge tells it about pull requests."""
    file = altered("both", folder, settings_of(folder))
    with stack(pulumi, "both", file, beside=True), heard(world, "both", "qa", "el-both-github-el"):
        yield file


def read(world: World, pod: Any, command: str) -> list[str]:
    """What a command in an application's container prints."""
    call = world.kubernetes.core.connect_get_namespaced_pod_exec
    place = (pod.metadata.name, pod.metadata.namespace)
    shell = ["sh", "-c", command]
    session = execute(call, *place, container="app", command=shell, stdout=True, stderr=True, _preload_content=False)
    try:
        session.run_forever(timeout=20)
        return str(session.read_all()).splitlines()
    finally:
        # `close` leaves the socket open where the other side has said goodbye first.
        session.sock.shutdown()


def delivered(world: World, pull_request: PullRequest, application: str) -> Object:
    """The run that delivers an application, once it has succeeded; the other one's finds nothing that concerns it."""

    def runs() -> list[Object]:
        found = world.kubernetes.runs("qa-ci", pull_request=str(pull_request.number))
        return [run for run in found if run["metadata"]["labels"]["app.kubernetes.io/name"] == application]

    wait_until(lambda: len(runs()) == 1, 30, f"no run of {application} was started")
    (run,) = runs()
    succeeded, told = follow(world.kubernetes, run, world.log.append)
    assert succeeded, told
    return run


def test_the_autoscaler_decides_how_many_pods_there_are(world: World, configured: Path, pulumi: Pulumi) -> None:
    apps = client.AppsV1Api(world.kubernetes.api)
    apps.patch_namespaced_deployment_scale("chespirito-pod", "qa", {"spec": {"replicas": 1}})
    wait_until(lambda: len(pods(world, "qa")) == 1, 30, "the second pod did not end")
    wait_until(lambda: len(pods(world, "qa")) == 2, 90, "the autoscaler did not bring the second pod")
    assert world.kubernetes.deployment("qa", "chespirito-pod").spec.replicas == 2
    pulumi("preview", "--stack", "both", "--config-file", str(configured), "--expect-no-changes")
    budgets = client.PolicyV1Api(world.kubernetes.api)
    for namespace in ("qa", "live"):
        assert budgets.read_namespaced_pod_disruption_budget("chespirito", namespace).spec.max_unavailable == 1


def test_what_was_never_delivered_is_ready_whatever_its_probes_ask(world: World, configured: Path) -> None:
    for namespace in ("qa", "live"):
        for name in ("waiting-pod", "worker-pod"):
            world.kubernetes.wait_for_deployment(namespace, name, seconds=30)


def test_an_image_is_built_on_a_volume_of_the_runs_own(world: World, configured: Path) -> None:
    pull_request = world.open({"message.txt": "Built on a volume\n"})
    run = delivered(world, pull_request, "chespirito")
    (task_run,) = [
        item
        for item in world.kubernetes.task_runs("qa-ci", run["metadata"]["name"])
        if item["metadata"]["labels"]["tekton.dev/pipelineTask"] == "build"
    ]
    claims = world.kubernetes.core.list_namespaced_persistent_volume_claim("qa-ci").items
    assert [
        (claim.status.phase, claim.spec.resources.requests["storage"])
        for claim in claims
        if claim.metadata.name.startswith(task_run["status"]["podName"])
    ] == [("Bound", "1Gi")]


def test_an_application_gets_its_variables_secrets_probes_and_host(world: World, configured: Path) -> None:
    pod = pods(world, "qa")[0]
    assert read(world, pod, "echo $LOG_LEVEL $DATABASE_URL; cat /run/secrets/database-url") == [f"debug {SECRET}", SECRET]
    (container,) = pod.spec.containers
    assert container.liveness_probe.http_get.path == "/healthz"
    assert container.startup_probe.failure_threshold == 30
    assert container.resources.requests == {"cpu": "20m", "memory": "32Mi"}
    spread = [item.topology_key for item in pod.spec.topology_spread_constraints]
    assert spread == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    ingress = client.NetworkingV1Api(world.kubernetes.api).read_namespaced_ingress("chespirito", "qa").spec
    assert (ingress.rules[0].host, ingress.tls[0].secret_name) == ("chespirito.qa.example", "chespirito-tls")


def test_a_changed_secret_rolls_the_pods_and_stays_secret(
    world: World, configured: Path, pulumi: Pulumi, folder: Path
) -> None:
    before = {pod.metadata.uid for pod in pods(world, "qa")}
    image = world.kubernetes.deployment("qa", "chespirito-pod").spec.template.spec.containers[0].image
    uid = world.kubernetes.core.read_namespaced_secret("chespirito", "qa").metadata.uid
    (folder / "database-url").write_text(OTHER)
    pulumi("up", "--stack", "both", "--config-file", str(configured), "--yes", "--skip-preview")
    wait_until(lambda: before.isdisjoint(pod.metadata.uid for pod in pods(world, "qa")), 90, "the pods were not rolled")
    assert read(world, pods(world, "qa")[0], "echo $DATABASE_URL") == [OTHER]
    deployment = world.kubernetes.deployment("qa", "chespirito-pod")
    assert deployment.spec.template.spec.containers[0].image == image, "the pipeline's image stays"
    assert world.kubernetes.core.read_namespaced_secret("chespirito", "qa").metadata.uid == uid, "changed in place"
    state = pulumi("stack", "export", "--stack", "both").stdout
    for value in (SECRET, OTHER):
        assert value not in state
        assert base64.b64encode(value.encode()).decode() not in state


@pytest.fixture(scope="module")
def changed(world: World, configured: Path, pulumi: Pulumi, folder: Path) -> tuple[Object, list[int]]:
    """What is set otherwise later, and a delivery of the worker: its run, and how many pods served `live` all the while."""

    def change(settings: dict[str, Any]) -> None:
        settings_of(folder)(settings)
        settings["build"]["storage"] = {"memory": "512Mi"}
        qa, live = settings["environments"]
        live["applications"] = {"chespirito": {"autoscaling": {"min": 1, "max": 4}}}
        qa["applications"]["worker"] = {
            "env": {"TOKEN": {"secretKeyRef": {"name": "broker", "key": "token"}}},
            "envFrom": [{"configMapRef": {"name": "broker"}}],
        }
        worker = settings["applications"][-1]
        script = (
            'set -eu; id -u >/scratch/user; echo "$TOKEN $QUEUE" >>/data/told; cat "$0"; trap exit TERM; sleep 3600 & wait'
        )
        worker["args"] = [script, SCRIPT]
        worker["beforeRollout"] = {"command": ["sh", "-c", migrations.COMMAND, SCRIPT]}
        settings["applications"][-2]["beforeRollout"] = {"command": ["never"], "timeout": "10s"}
        worker["strategy"] = "Recreate"
        shut = {"name": "app", "securityContext": {"readOnlyRootFilesystem": True}}
        worker["podTemplate"] = {"spec": {"containers": [shut], "terminationGracePeriodSeconds": 7}}
        worker["volumes"] = [
            {"mountPath": "/scratch", "emptyDir": {"sizeLimit": "1Mi"}},
            {"mountPath": "/data", "persistentVolumeClaim": {"claimName": "worker"}},
            {"mountPath": "/etc/broker", "secret": {"secretName": "broker"}, "readOnly": True},
            {"mountPath": "/etc/queue", "configMap": {"name": "broker"}, "subPath": "QUEUE"},
        ]

    for namespace in ("qa", "live"):
        objects = world.kubernetes.core
        metadata = {"metadata": {"name": "broker"}}
        objects.create_namespaced_secret(namespace, metadata | {"stringData": {"token": SECRET}})
        objects.create_namespaced_config_map(namespace, metadata | {"data": {"QUEUE": "mail"}})
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        objects.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": "worker"}, "spec": claim})
    assert altered("both", folder, change) == configured
    served, over = [len(pods(world, "live"))], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            served.append(len(pods(world, "live")))

    with ThreadPoolExecutor() as aside:
        watching = aside.submit(watch)
        try:
            pulumi("up", "--stack", "both", "--config-file", str(configured), "--yes", "--skip-preview")
            run = delivered(world, world.open({"worker.txt": "Built in memory\n"}), "worker")
        finally:
            over.set()
        watching.result()
    return run, served


def test_switching_autoscaling_on_takes_no_pod_away(world: World, changed: tuple[Object, list[int]]) -> None:
    """Its decisions come later: it takes away what was idle for five minutes."""
    scaler = client.AutoscalingV2Api(world.kubernetes.api).read_namespaced_horizontal_pod_autoscaler("chespirito", "live")
    assert (bool(scaler.status.conditions), scaler.status.current_replicas) == (True, 3), "it has looked by now"
    assert min(changed[1]) == 3


def test_a_worker_runs_its_own_command_as_its_own_user(world: World, changed: tuple[Object, list[int]]) -> None:
    (pod,) = pods(world, "qa", "worker")
    assert pod.spec.containers[0].image.startswith("registry.internal:5000/both/worker@sha256:")
    assert read(world, pod, "id -u; id -g; tr '\\0' ' ' </proc/1/cmdline")[:2] == ["1000", "1001"]
    said = world.kubernetes.core.read_namespaced_pod_log(pod.metadata.name, "qa", container="app")
    assert said.startswith("#!/bin/sh\n# Serve the site"), "it runs in its own image"
    assert "worker" not in {item.metadata.name for item in world.kubernetes.core.list_namespaced_service("qa").items}


def test_a_worker_finds_what_is_there_already(world: World, changed: tuple[Object, list[int]]) -> None:
    (pod,) = pods(world, "qa", "worker")
    command = "cat /scratch/user /data/told /etc/broker/token; echo; cat /etc/queue"
    assert read(world, pod, command) == ["1000", f"{SECRET} mail", SECRET, "mail"]
    assert read(world, pod, "touch /tmp/x 2>/dev/null || echo shut") == ["shut"], "as the patch of its pod has it"
    assert pod.spec.termination_grace_period_seconds == 7


def test_an_image_is_built_in_memory(world: World, changed: tuple[Object, list[int]]) -> None:
    run, _ = changed
    pods_of_it = world.kubernetes.core.list_namespaced_pod(
        "qa-ci", label_selector=f"tekton.dev/pipelineRun={run['metadata']['name']},tekton.dev/pipelineTask=build"
    )
    (pod,) = pods_of_it.items
    (storage,) = [volume.empty_dir for volume in pod.spec.volumes if volume.name == "storage"]
    assert (storage.medium, storage.size_limit) == ("Memory", "512Mi")


# They look at what this module brings up.
test_a_migration_has_succeeded_before_the_rollout = migrating.test_a_migration_has_succeeded_before_the_rollout
test_a_stolen_token_makes_no_other_job = migrating.test_a_stolen_token_makes_no_other_job
test_a_stolen_token_makes_no_job_anywhere_else = migrating.test_a_stolen_token_makes_no_job_anywhere_else_and_changes_none
test_a_migration_that_cannot_start_ends_in_time = migrating.test_a_migration_that_cannot_start_ends_in_time
test_a_migration_that_fails_runs_again = migrating.test_a_migration_that_fails_rolls_nothing_out_and_runs_again
