"""Ended runs are pruned on the cluster: the oldest go, what has not ended cannot be deleted even with a stolen token."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from local.kubernetes_api import wait_until
from tests.e2e.world import World

NAMESPACE = "staging-ci"
APPLICATION = "pruned"
RUNS = ("tekton.dev", "v1", NAMESPACE, "pipelineruns")


def probe(world: World, *, waits: bool = False) -> str:
    """A run that starts no pod: of a Pipeline that does not exist it ends at once, or it waits for good."""
    name = f"pruned-{uuid.uuid4().hex[:8]}"
    spec = {"pipelineRef": {"name": "none"}} | ({"status": "PipelineRunPending"} if waits else {})
    metadata = {"name": name, "labels": {"app.kubernetes.io/name": APPLICATION}}
    body = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": metadata, "spec": spec}
    world.kubernetes.custom.create_namespaced_custom_object(*RUNS, body)
    return name


def of(world: World, application: str) -> dict[str, Any]:
    """The runs of an application by name."""
    label = "app.kubernetes.io/name"
    runs = world.kubernetes.runs(NAMESPACE)
    return {run["metadata"]["name"]: run for run in runs if run["metadata"].get("labels", {}).get(label) == application}


@pytest.fixture(scope="module")
def probes(world: World) -> Iterator[list[str]]:
    """More ended runs than there are of the real application, which shall lose none; and one that waits."""
    keep = len(of(world, "chespirito")) + 1
    made = [probe(world) for _ in range(keep + 2)]
    waiting = probe(world, waits=True)

    def ended() -> bool:
        runs = of(world, APPLICATION)
        return all(runs[name].get("status", {}).get("completionTime") for name in made)

    wait_until(ended, 60, "the runs of a Pipeline that does not exist did not end")
    yield [*made, waiting]
    for name in of(world, APPLICATION):
        world.kubernetes.custom.delete_namespaced_custom_object(*RUNS, name)


def test_the_job_deletes_the_oldest_ended_runs(world: World, probes: list[str]) -> None:
    batch: Any = client.BatchV1Api(world.kubernetes.api)
    real, keep = of(world, "chespirito"), len(probes) - 3
    spec = batch.read_namespaced_cron_job("pruner", NAMESPACE).spec.job_template.spec
    (variable,) = [item for item in spec.template.spec.containers[0].env if item.name == "KEEP"]
    assert variable.value == "50"
    variable.value = str(keep)
    name = f"pruner-{uuid.uuid4().hex[:8]}"
    batch.create_namespaced_job(NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    try:
        wait_until(lambda: batch.read_namespaced_job(name, NAMESPACE).status.succeeded, 60, "the pruner did not succeed")
    finally:
        batch.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")
    wait_until(lambda: len(of(world, APPLICATION)) == keep + 1, 20, f"not {keep} of {len(probes) - 1} ended runs stayed")
    assert probes[-1] in of(world, APPLICATION), "a run that has not ended is gone"
    assert of(world, "chespirito").keys() >= real.keys()


def test_a_stolen_token_deletes_no_run_that_has_not_ended(world: World, probes: list[str]) -> None:
    thief: Any = client.CustomObjectsApi(world.as_account(NAMESPACE, "pruner"))
    waiting = probes[-1]
    ended = next(name for name in of(world, APPLICATION) if name != waiting)
    with pytest.raises(client.ApiException) as caught:
        thief.delete_namespaced_custom_object(*RUNS, waiting)
    assert "the pruner may only delete runs that have ended" in caught.value.body
    thief.delete_namespaced_custom_object(*RUNS, ended)
    wait_until(lambda: ended not in of(world, APPLICATION), 20, "the control: an ended run was not deleted")
