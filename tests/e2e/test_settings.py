"""Settings that the shipped stacks leave at their defaults, seen on the cluster: one stack that uses them, one delivery."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.stream import stream as execute

from local.kubernetes_api import wait_until
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

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
        live["applications"] = {"chespirito": {"replicas": 2}}
        (application,) = settings["applications"]
        application["probes"] = {"liveness": {"path": "/healthz"}, "startup": {"path": "/healthz", "timeout": "30s"}}
        application["resources"] = {"memory": "128Mi", "requests": {"cpu": "20m", "memory": "32Mi"}}
        # Nothing of it is ever delivered here, and what runs in its place is asked all the same.
        probes = {"port": 8081, "liveness": {"path": "/livez/deep"}, "startup": {"path": "/livez?full=1"}}
        waiting = {"name": "waiting", "repository": "acme/waiting", "healthPath": "/readyz", "probes": probes}
        settings["applications"].append(waiting | {"env": {"PATH": "/app/bin"}})
        settings["build"] |= {"storage": {"volume": {"size": "1Gi"}}, "imageResources": {"memory": "3Gi"}}

    return change


@pytest.fixture(scope="module")
def configured(world: World, pulumi: Pulumi, folder: Path) -> Iterator[Path]:
    """The stack `both` with these settings, and the forge tells it about pull requests."""
    file = altered("both", folder, settings_of(folder))
    with stack(pulumi, "both", file), heard(world, "both", "qa", "el-both-github-el"):
        yield file


def pods(world: World, namespace: str) -> list[Any]:
    found = world.kubernetes.core.list_namespaced_pod(namespace, label_selector="app.kubernetes.io/name=chespirito").items
    return [pod for pod in found if pod.metadata.deletion_timestamp is None]


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


def test_the_autoscaler_decides_how_many_pods_there_are(world: World, configured: Path, pulumi: Pulumi) -> None:
    wait_until(lambda: len(pods(world, "qa")) == 2, 90, "the autoscaler did not bring the second pod")
    assert world.kubernetes.deployment("qa", "chespirito-pod").spec.replicas == 2
    pulumi("preview", "--stack", "both", "--config-file", str(configured), "--expect-no-changes")
    budgets = client.PolicyV1Api(world.kubernetes.api)
    for namespace in ("qa", "live"):
        assert budgets.read_namespaced_pod_disruption_budget("chespirito", namespace).spec.max_unavailable == 1


def test_what_was_never_delivered_is_ready_whatever_its_probes_ask(world: World, configured: Path) -> None:
    for namespace in ("qa", "live"):
        world.kubernetes.wait_for_deployment(namespace, "waiting-pod", seconds=30)


def test_an_image_is_built_on_a_volume_of_the_runs_own(world: World, configured: Path) -> None:
    pull_request = world.open({"message.txt": "Built on a volume\n"})
    run, succeeded, told = world.run("qa", pull_request)
    assert succeeded, told
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


def test_an_image_is_built_in_memory(world: World, configured: Path, pulumi: Pulumi, folder: Path) -> None:
    def change(settings: dict[str, Any]) -> None:
        settings_of(folder)(settings)
        settings["build"]["storage"] = {"memory": "512Mi"}

    assert altered("both", folder, change) == configured
    pulumi("up", "--stack", "both", "--config-file", str(configured), "--yes", "--skip-preview")
    run, succeeded, told = world.run("qa", world.open({"message.txt": "Built in memory\n"}))
    assert succeeded, told
    pods_of_it = world.kubernetes.core.list_namespaced_pod(
        "qa-ci", label_selector=f"tekton.dev/pipelineRun={run['metadata']['name']},tekton.dev/pipelineTask=build"
    )
    (pod,) = pods_of_it.items
    (storage,) = [volume.empty_dir for volume in pod.spec.volumes if volume.name == "storage"]
    assert (storage.medium, storage.size_limit) == ("Memory", "512Mi")
