"""What steps run lies in a ConfigMap; whoever puts another one in its place has no step run it."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from components import sources
from local.kubernetes_api import wait_until
from tests.e2e.world import World

NAMESPACE = "staging-ci"
OTHER = "import sys\nprint('pwned')\nsys.exit(0)\n"
REFUSED = "error: `pulumi up` has replaced the program since this run began; start the run again"


@pytest.fixture
def shipped(world: World) -> Iterator[Any]:
    """The ConfigMap, put back as it was."""
    found = world.kubernetes.core.read_namespaced_config_map(sources.config_map(), NAMESPACE)
    found.metadata.resource_version = found.metadata.uid = None
    yield found
    world.kubernetes.core.delete_namespaced_config_map(sources.config_map(), NAMESPACE)
    world.kubernetes.core.create_namespaced_config_map(NAMESPACE, found)


def told(world: World) -> tuple[bool, str]:
    """Whether the pruner, a step of the same kind as all others, succeeded, and what it printed."""
    batch: Any = client.BatchV1Api(world.kubernetes.api)
    spec = batch.read_namespaced_cron_job("pruner", NAMESPACE).spec.job_template.spec
    name = f"sources-{uuid.uuid4().hex[:8]}"
    batch.create_namespaced_job(NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    try:
        wait_until(
            lambda: (status := batch.read_namespaced_job(name, NAMESPACE).status).succeeded or status.failed,
            60,
            "the job did not end",
        )
        pods = world.kubernetes.core.list_namespaced_pod(NAMESPACE, label_selector=f"batch.kubernetes.io/job-name={name}")
        (pod,) = pods.items
        log = world.kubernetes.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE)
        return bool(batch.read_namespaced_job(name, NAMESPACE).status.succeeded), str(log)
    finally:
        batch.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")


def test_another_object_of_that_name_runs_nowhere(world: World, shipped: Any) -> None:
    for module in ("prune.py", "__init__.py", "json.py"):
        world.kubernetes.core.delete_namespaced_config_map(sources.config_map(), NAMESPACE)
        body = {"metadata": {"name": sources.config_map()}, "data": sources.data() | {module: OTHER}}
        world.kubernetes.core.create_namespaced_config_map(NAMESPACE, body)
        assert told(world) == (False, f"{REFUSED}\n")


def test_a_pod_without_it_says_so_at_once(world: World, shipped: Any) -> None:
    core = world.kubernetes.core
    core.delete_namespaced_config_map(sources.config_map(), NAMESPACE)
    assert told(world) == (False, f"{REFUSED}\n")
    core.create_namespaced_config_map(NAMESPACE, shipped)
    succeeded, log = told(world)
    assert (succeeded, "replaced" in log) == (True, False)


def test_it_cannot_be_changed_where_it_lies(world: World) -> None:
    with pytest.raises(client.ApiException) as caught:
        world.kubernetes.core.patch_namespaced_config_map(sources.config_map(), NAMESPACE, {"data": {"prune.py": OTHER}})
    assert "immutable" in str(caught.value.body)
